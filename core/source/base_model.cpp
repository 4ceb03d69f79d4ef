// SPDX-License-Identifier: Apache-2.0
#include "core/source/base_model.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "core/base/units.h"
#include "core/quant/base_hasher.h"
#include "core/quant/codebook.h"

namespace deltascope {
namespace {

constexpr std::size_t kReadBytes = std::size_t{4} << 20;

/// How many of the elements [first, first + count) a tensor of `elements` has.
std::size_t presentOf(std::uint64_t elements, std::uint64_t first, std::size_t count) {
  return first < elements ? static_cast<std::size_t>(std::min<std::uint64_t>(count, elements - first)) : 0;
}

std::uint64_t bytesFor(DType type, std::uint64_t elements) { return (elements * bitsOf(type) + 7) / 8; }

/// Where the stored bytes of elements [first, first + count) begin; first is a multiple of kTileElements.
Result<void> readElements(const Checkpoint& checkpoint, const TensorInfo& info, std::uint64_t first, std::size_t count,
                          std::vector<std::byte>& into) {
  into.resize(static_cast<std::size_t>(bytesFor(info.dtype, count)));
  return checkpoint.read(info, bytesFor(info.dtype, first), into);
}

}  // namespace

struct BaseModel::State {
  explicit State(Checkpoint c) : checkpoint(std::move(c)) {}
  Checkpoint checkpoint;
  QuantizedTensors quantized;
  struct Hashed {
    std::mutex reading;
    std::optional<Hash128> hash;
  };
  std::mutex hashing;
  std::map<std::string, Hashed, std::less<>> hashes;

  [[nodiscard]] const QuantizedTensor* quantizedFor(std::string_view name, DType finalType) const {
    return isCodedFloat(finalType) ? quantized.find(name) : nullptr;
  }
  Result<void> slicePlain(const TensorInfo& info, std::size_t count, SliceBuffer& into) const;
  Hashed& hashOf(std::string_view name) {
    const std::lock_guard lock(hashing);
    return hashes[std::string(name)];
  }
};

BaseModel::BaseModel(std::unique_ptr<State> state) : m_state(std::move(state)) {}
BaseModel::BaseModel(BaseModel&&) noexcept = default;
BaseModel& BaseModel::operator=(BaseModel&&) noexcept = default;
BaseModel::~BaseModel() = default;

Result<BaseModel> BaseModel::open(const std::filesystem::path& path, std::string_view stem, ScaleReading scales,
                                  std::shared_ptr<const CompanionSource> beside) {
  DELTASCOPE_ASSIGN(Checkpoint checkpoint, Checkpoint::open(path, stem, std::move(beside)));
  auto state = std::make_unique<State>(std::move(checkpoint));
  DELTASCOPE_ASSIGN(state->quantized, findQuantized(state->checkpoint, scales));
  return BaseModel(std::move(state));
}

const Checkpoint& BaseModel::checkpoint() const { return m_state->checkpoint; }
const QuantizedTensors& BaseModel::quantized() const { return m_state->quantized; }

std::vector<BaseWeight> BaseModel::weights() const {
  std::vector<BaseWeight> all;
  for (const auto& info : m_state->checkpoint.tensors()) {
    const auto* weight = m_state->quantized.withCodes(info);
    if (weight)
      all.push_back({weight->name, &weight->shape, &info, weight});
    else if (!m_state->quantized.parts.contains(info.name))
      all.push_back({info.name, &info.shape, &info, nullptr});
  }
  return all;
}

BaseKind BaseModel::kindOf(std::string_view name, DType finalType) const {
  if (const auto* tensor = m_state->quantizedFor(name, finalType)) return tensor->kind;
  const TensorInfo* info = m_state->checkpoint.find(name);
  if (!info) return BaseKind::None;
  const bool convertible = isCodedFloat(info->dtype) && isCodedFloat(finalType);
  return info->dtype == finalType || convertible ? BaseKind::Same : BaseKind::None;
}

std::uint64_t BaseModel::storedBytes(std::string_view name) const {
  if (const auto* weight = m_state->quantized.find(name)) return weight->storedBytes;
  const TensorInfo* info = m_state->checkpoint.find(name);
  return info ? info->bytes : 0;
}

const std::vector<std::uint64_t>* BaseModel::shapeOf(std::string_view name, DType finalType) const {
  if (const auto* tensor = m_state->quantizedFor(name, finalType)) return &tensor->shape;
  const TensorInfo* info = m_state->checkpoint.find(name);
  return info ? &info->shape : nullptr;
}

Result<void> BaseModel::slice(std::string_view name, DType finalType, std::uint64_t first, std::size_t count, bool withValues,
                              SliceBuffer& into) const {
  into.slice = {};
  into.slice.kind = kindOf(name, finalType);
  into.slice.finalType = finalType;
  into.slice.first = first;
  into.slice.count = count;
  if (!checkedAdd(first, count))
    return fail(ErrorCode::InvalidArgument, at({m_state->checkpoint.path(), std::string(name), std::nullopt},
                                               "elements from " + std::to_string(first) + " are more than can be counted"));
  if (const auto* tensor = m_state->quantizedFor(name, finalType)) return sliceQuantized(*tensor, withValues, into);
  const TensorInfo* info = m_state->checkpoint.find(name);
  if (into.slice.kind == BaseKind::None || !info) return {};
  return m_state->slicePlain(*info, count, into);
}

Result<void> BaseModel::State::slicePlain(const TensorInfo& info, std::size_t count, SliceBuffer& into) const {
  auto& slice = into.slice;
  const std::size_t there = presentOf(info.elements, slice.first, count);
  if (there == 0)
    into.values.clear();
  else
    DELTASCOPE_TRY(readElements(checkpoint, info, slice.first, there, into.values));
  into.stored.clear();
  if (info.dtype == slice.finalType) {
    into.values.resize(bytesFor(info.dtype, count));
  } else {
    into.stored.swap(into.values);
    std::vector<float> floats(there);
    toFloat(info.dtype, into.stored, floats);
    into.values.assign(count * bytesOf(slice.finalType), std::byte{0});
    fromFloat(slice.finalType, floats, std::span(into.values).first(there * bytesOf(slice.finalType)));
  }
  slice.values = into.values;
  return {};
}

Result<void> BaseModel::readCodes(const QuantizedTensor& tensor, IndexRange elements, std::span<std::byte> into) const {
  const BaseLayout& layout = tensor.layout;
  const std::size_t there = presentOf(tensor.elements, elements.first, static_cast<std::size_t>(elements.count));
  const IndexRange present{elements.first, there};
  const auto codes = into.first(static_cast<std::size_t>(layout.codesOf(present).count));
  std::ranges::fill(into.subspan(codes.size()), static_cast<std::byte>(layout.zeroByte()));
  if (there == 0) return {};
  DELTASCOPE_TRY(formatOf(tensor.kind).readCodes(m_state->checkpoint, tensor, present, codes));
  if (layout.codeBits == 4 && there % 2 != 0 && there < elements.count)
    codes.back() = (codes.back() & std::byte{0xf0}) | static_cast<std::byte>(layout.zero);
  return {};
}

Result<void> BaseModel::sliceQuantized(const QuantizedTensor& tensor, bool withValues, SliceBuffer& into) const {
  auto& slice = into.slice;
  slice.group = tensor.layout.group;
  slice.columns = tensor.layout.columns;
  into.codes.resize(static_cast<std::size_t>(tensor.layout.codesOf(slice.elements()).count));
  DELTASCOPE_TRY(readCodes(tensor, slice.elements(), std::as_writable_bytes(std::span(into.codes))));
  slice.codes = into.codes;
  const IndexRange groups = tensor.layout.scalesOf(slice.elements());
  const auto first = static_cast<std::size_t>(groups.first), count = static_cast<std::size_t>(groups.count);
  if (first + count <= tensor.scales.size()) {
    slice.scales = std::span(tensor.scales).subspan(first, count);
  } else {
    into.scales.assign(count, 0.0F);
    if (first < tensor.scales.size())
      std::copy(tensor.scales.begin() + static_cast<std::ptrdiff_t>(first), tensor.scales.end(), into.scales.begin());
    slice.scales = into.scales;
  }
  into.values.clear();
  if (!withValues) return {};
  into.values.resize(slice.count * bytesOf(slice.finalType));
  baseValues(slice, into.values);
  slice.values = into.values;
  return {};
}

void BaseModel::dropScales() {
  for (auto& [name, tensor] : m_state->quantized.weights) std::vector<float>().swap(tensor.scales);
}

Result<Hash128> BaseModel::hash(std::string_view name) const {
  State::Hashed& known = m_state->hashOf(name);
  const std::lock_guard lock(known.reading);  // parts of one tensor ask for it at once
  if (!known.hash) {
    DELTASCOPE_ASSIGN(known.hash, readHash(name));
  }
  return *known.hash;
}

Result<Hash128> BaseModel::readHash(std::string_view name) const {
  const QuantizedTensor* quantized = m_state->quantized.find(name);
  const TensorInfo* info = quantized ? quantized->codes : m_state->checkpoint.find(name);
  if (!info)
    return fail(ErrorCode::NotFound,
                at({m_state->checkpoint.path(), std::string(name), std::nullopt}, "no such tensor in the base"));
  BaseHasher hasher;
  std::vector<std::byte> bytes;
  const std::uint64_t most = quantized ? quantized->layout.wholeTiles(kReadBytes) : kReadBytes;
  const std::uint64_t all = quantized ? quantized->layout.codesOf({0, quantized->elements}).count : info->bytes;
  for (std::uint64_t begin = 0; begin < all; begin += bytes.size()) {
    bytes.resize(static_cast<std::size_t>(std::min(most, all - begin)));
    if (quantized) {
      const std::uint64_t first = quantized->layout.elementsIn(begin);
      const std::uint64_t count = std::min(quantized->layout.elementsIn(bytes.size()), quantized->elements - first);
      DELTASCOPE_TRY(readCodes(*quantized, {first, count}, bytes));
    } else {
      DELTASCOPE_TRY(m_state->checkpoint.read(*info, begin, bytes));
    }
    hasher.add(bytes);
  }
  return hasher.finish(quantized ? std::span<const float>(quantized->scales) : std::span<const float>());
}

}  // namespace deltascope
