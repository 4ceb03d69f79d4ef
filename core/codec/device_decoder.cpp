// SPDX-License-Identifier: Apache-2.0
#include "core/codec/device_decoder.h"

#include "core/codec/lowrank_model.h"
#include "core/codec/residual_model.h"
#include "core/codec/residual_tiles.h"
#include "core/codec/sparse_model.h"
#include "core/codec/traits.h"
#include "core/quant/base_format.h"
#include "core/quant/element_type.h"

namespace deltascope {
namespace {

static_assert(kernels::SparseTable::kClasses == kSparseClasses && kernels::SparseTable::kCodeBits == kSparseMaxCode);

tl::unexpected<Error> missing(CodecId codec) {
  return fail(ErrorCode::Corrupt, std::string(nameOf(codec)) + ": its model is missing or of another codec");
}
tl::unexpected<Error> mismatch(CodecId codec) {
  return fail(ErrorCode::Mismatch, std::string(nameOf(codec)) + ": the model was made for another base or type");
}

}  // namespace

struct DeviceModel::State {
  ModelPtr model;
  kernels::DecoderArgs args;
  kernels::SparseTable sparse;
  std::vector<std::uint32_t> entries;
  kernels::LowRankUpdate lowRank;

  /// Of entropy and bitpack.
  Result<void> takeHead(CodecId codec, const residual::ModelHead& head, BaseKind base, DType type) {
    if (head.base != base || head.finalType != type) return mismatch(codec);
    args.rule = head.rule;
    return {};
  }

  Result<void> takeSparse(DType type) {
    const auto* m = dynamic_cast<const SparseModel*>(model.get());
    if (!m) return missing(CodecId::Sparse);
    if (m->type != type) return mismatch(CodecId::Sparse);
    for (std::size_t c = 0; c < kSparseClasses; ++c) {
      entries.insert(entries.end(), m->classes[c].entries.begin(), m->classes[c].entries.end());
      sparse.unit[c] = static_cast<std::uint8_t>(m->classes[c].k);
    }
    sparse.top = m->top;
    sparse.entries = entries;
    args.sparse = &sparse;
    return {};
  }

  Result<void> takeLowRank() {
    const auto* m = dynamic_cast<const LowRankModel*>(model.get());
    if (!m) return missing(CodecId::LowRank);
    lowRank.rows = m->rows;
    lowRank.columns = m->columns;
    for (std::size_t k = 0; k < m->terms.size(); ++k)
      lowRank.terms.push_back({m->terms[k].rank, m->terms[k].scale, m->factors[k].outer, m->factors[k].inner});
    args.lowRank = &lowRank;
    return {};
  }

  Result<void> take(CodecId codec, BaseKind base, DType type) {
    switch (codec) {
      case CodecId::Sparse:
        return takeSparse(type);
      case CodecId::LowRank:
        return takeLowRank();
      case CodecId::Zstd:
        args.rule = residual::defaultRule(base, type, {});
        return {};
      case CodecId::Entropy: {
        const auto* m = dynamic_cast<const residual::PrefixModel*>(model.get());
        if (!m) return missing(codec);
        args.prefix = &m->table;
        return takeHead(codec, m->head, base, type);
      }
      case CodecId::Bitpack: {
        const auto* m = dynamic_cast<const residual::FieldModel*>(model.get());
        if (!m) return missing(codec);
        args.fields = &m->table;
        return takeHead(codec, m->head, base, type);
      }
      default:
        return {};
    }
  }
};

DeviceModel::DeviceModel(std::unique_ptr<State> state) : m_state(std::move(state)) {}
DeviceModel::DeviceModel(DeviceModel&&) noexcept = default;
DeviceModel& DeviceModel::operator=(DeviceModel&&) noexcept = default;
DeviceModel::~DeviceModel() = default;

Result<void> deviceDecodes(CodecId codec, BaseKind base, DType finalType) {
  if (formatOf(base).needsProcessor())
    return fail(ErrorCode::Unsupported,
                std::string(nameOf(codec)) + " over " + std::string(nameOf(base)) + ": only a processor rebuilds over " +
                    (isInBlocks(base) ? "a GGUF file" : "this format"),
                "use the device cpu");
  if (isCodedFloat(finalType) && deltascope::codec(codec).supports(base, finalType)) return {};
  return fail(ErrorCode::Unsupported, std::string(nameOf(codec)) + " over " + std::string(nameOf(base)) +
                                          ": no device decodes " + std::string(nameOf(finalType)));
}

const kernels::DecoderArgs& DeviceModel::args() const { return m_state->args; }

Result<DeviceModel> DeviceModel::create(CodecId codec, BaseKind base, DType finalType, ModelPtr model, std::uint64_t largest) {
  DELTASCOPE_TRY(deviceDecodes(codec, base, finalType));
  auto state = std::make_unique<State>();
  state->model = std::move(model);
  state->args.code = traitsOf(codec).device;
  state->args.base = formatOf(base).device().kind;
  state->args.type = elementType(finalType);
  state->args.largest = largest;
  DELTASCOPE_TRY(state->take(codec, base, finalType));
  return DeviceModel(std::move(state));
}

kernels::DeviceBase deviceBase(BaseKind kind, DType finalType, std::uint64_t group) {
  kernels::DeviceBase base = formatOf(kind).device();
  base.type = elementType(finalType);
  base.group = group;
  return base;
}

}  // namespace deltascope
