// SPDX-License-Identifier: Apache-2.0
#include "core/codec/lowrank.h"

#include <algorithm>
#include <array>

#include "core/codec/bytes.h"
#include "core/codec/codecs.h"
#include "core/codec/lowrank_corrections.h"
#include "core/codec/lowrank_model.h"
#include "core/codec/lowrank_product.h"
#include "core/quant/quant.h"

namespace deltascope {
namespace {

constexpr std::size_t kBlockColumns = 1024;

const LowRankModel* asLowRank(const CodecModel* model) { return dynamic_cast<const LowRankModel*>(model); }

tl::unexpected<Error> noModel() {
  return fail(ErrorCode::InvalidArgument, "lowrank: the tensor has no low-rank model", "make one from an adapter");
}

/// `rows` rows from `row`, columns [from, to): applied block by block, so that the floats stay in the first-level cache.
void applyRows(const LowRankModel& model, const BaseSlice& base, std::span<std::byte> into, std::uint64_t row, std::size_t rows,
               std::uint64_t from, std::uint64_t to, LowRankProduct product) {
  std::array<float, kLowRankRows * kBlockColumns> w;
  const auto size = bytesOf(base.finalType);
  for (auto column = from; column < to; column += kBlockColumns) {
    const auto columns = static_cast<std::size_t>(std::min<std::uint64_t>(kBlockColumns, to - column));
    const auto bytesOfRow = [&](std::size_t r) { return ((row + r) * model.columns + column - base.first) * size; };
    for (std::size_t k = 0; k < model.terms.size(); ++k) {
      for (std::size_t r = 0; r < rows; ++r) {
        const auto at = bytesOfRow(r);
        const auto source = k == 0 ? base.values.subspan(at, columns * size) : into.subspan(at, columns * size);
        toFloat(base.finalType, source, {w.data() + r * kBlockColumns, columns});
      }
      const auto& term = model.terms[k];
      product({.outer = model.factors[k].outer.data() + row * term.rank,
               .inner = model.factors[k].inner.data() + column,
               .innerStride = static_cast<std::size_t>(model.columns),
               .rank = static_cast<std::size_t>(term.rank),
               .scale = term.scale,
               .w = w.data(),
               .stride = kBlockColumns,
               .rows = rows,
               .columns = columns});
      for (std::size_t r = 0; r < rows; ++r)
        fromFloat(base.finalType, {w.data() + r * kBlockColumns, columns}, into.subspan(bytesOfRow(r), columns * size));
    }
  }
}

class LowRankCodec final : public DeltaCodec {
 public:
  CodecId id() const override { return CodecId::LowRank; }
  bool supports(BaseKind base, DType finalType) const override { return base != BaseKind::None && isCodedFloat(finalType); }
  bool needsValues() const override { return true; }
  Result<ModelPtr> parseModel(std::span<const std::byte> bytes) const override { return parseLowRankModel(bytes); }

  double estimate(const DeltaSample& sample, const CodecModel* model, const CodecOptions& options) const override {
    std::vector<std::byte> out;
    if (sample.base.count == 0) return 0;
    if (!encode(sample.base, sample.final, model, options, out)) return 2.0 * bitsOf(sample.base.finalType);
    return 8.0 * static_cast<double>(out.size()) / static_cast<double>(sample.base.count);
  }

  std::size_t bound(DType finalType, std::size_t count) const override { return correctionsBound(bytesFor(finalType, count)); }

  Result<ChunkStats> encode(const BaseSlice& base, std::span<const std::byte> final, const CodecModel* model,
                            const CodecOptions&, std::vector<std::byte>& out) const override {
    if (!model) return noModel();
    std::vector<std::byte> applied(final.size());
    DELTASCOPE_TRY(applyLowRank(*model, base, applied));
    return encodeCorrections(bytesOf(base.finalType), applied, final, out);
  }

  Result<void> decode(const BaseSlice& base, std::span<const std::byte> chunk, const CodecModel* model,
                      std::span<std::byte> final) const override {
    return decodeRange(base, base.count, 0, chunk, model, final);
  }

  Result<ChunkStats> check(const BaseSlice& base, std::span<const std::byte> chunk, const CodecModel*, bool) const override {
    return correctionStats(chunk, base.count);
  }

  std::uint64_t rangeStep(DType, std::uint64_t) const override { return kTileElements; }

  Result<void> decodeRange(const BaseSlice& base, std::uint64_t chunkElements, std::uint64_t offset,
                           std::span<const std::byte> chunk, const CodecModel* model,
                           std::span<std::byte> final) const override {
    DELTASCOPE_TRY(checkRange(base, chunkElements, offset));
    if (!model) return noModel();
    DELTASCOPE_TRY(applyLowRank(*model, base, final));
    return decodeCorrections(bytesOf(base.finalType), chunk, chunkElements, offset, final);
  }
};

}  // namespace

Result<void> applyLowRank(const LowRankModel& model, const BaseSlice& base, std::span<std::byte> into, kernels::Isa isa) {
  DELTASCOPE_TRY(checkSpans(CodecId::LowRank, base, into.size(), true));
  if (!isCodedFloat(base.finalType))
    return fail(ErrorCode::Unsupported, "lowrank: finals of type " + std::string(nameOf(base.finalType)) + " are not handled");
  const auto end = checkedAdd(base.first, base.count);
  if (!end || *end > model.rows * model.columns)
    return fail(ErrorCode::Mismatch, "lowrank: elements " + std::to_string(base.first) + " to " +
                                         std::to_string(base.first + base.count) + " lie outside the " +
                                         std::to_string(model.rows) + " × " + std::to_string(model.columns) + " update");
  if (base.count == 0) return {};
  if (model.terms.empty()) {
    std::memcpy(into.data(), base.values.data(), into.size());
    return {};
  }
  const auto product = lowRankProduct(isa);
  for (auto row = base.first / model.columns; row * model.columns < *end;) {
    const auto start = row * model.columns;
    if (start >= base.first && start + kLowRankRows * model.columns <= *end) {
      applyRows(model, base, into, row, kLowRankRows, 0, model.columns, product);
      row += kLowRankRows;
    } else {
      const auto from = std::max(start, base.first) - start, to = std::min(start + model.columns, *end) - start;
      applyRows(model, base, into, row, 1, from, to, product);
      ++row;
    }
  }
  return {};
}

Result<void> applyLowRank(const CodecModel& model, const BaseSlice& base, std::span<std::byte> into) {
  const auto* lowRank = asLowRank(&model);
  if (!lowRank) return noModel();
  return applyLowRank(*lowRank, base, into, kernels::bestIsa());
}

const DeltaCodec& lowRankCodec() {
  static const LowRankCodec codec;
  return codec;
}

}  // namespace deltascope
