// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/source.h"

#include <algorithm>

#include "core/base/units.h"
#include "core/codec/statistics.h"

namespace deltascope {
namespace {

constexpr std::size_t kReadBytes = std::size_t{4} << 20;
constexpr std::uint8_t kNf4Zero = 7;

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

  [[nodiscard]] const QuantizedTensor* quantizedFor(std::string_view name, DType finalType) const {
    const auto found = quantized.weights.find(name);
    return found != quantized.weights.end() && isCodedFloat(finalType) ? &found->second : nullptr;
  }
  Result<void> sliceQuantized(const QuantizedTensor& tensor, std::size_t count, bool withValues, SliceBuffer& into) const;
  Result<void> slicePlain(const TensorInfo& info, std::size_t count, SliceBuffer& into) const;
};

BaseModel::BaseModel(std::unique_ptr<State> state) : m_state(std::move(state)) {}
BaseModel::BaseModel(BaseModel&&) noexcept = default;
BaseModel& BaseModel::operator=(BaseModel&&) noexcept = default;
BaseModel::~BaseModel() = default;

Result<BaseModel> BaseModel::open(const std::filesystem::path& path, std::string_view stem, ScaleReading scales) {
  DELTASCOPE_ASSIGN(Checkpoint checkpoint, Checkpoint::open(path, stem));
  auto state = std::make_unique<State>(std::move(checkpoint));
  DELTASCOPE_ASSIGN(state->quantized, findQuantized(state->checkpoint, scales));
  return BaseModel(std::move(state));
}

const Checkpoint& BaseModel::checkpoint() const { return m_state->checkpoint; }
const QuantizedTensors& BaseModel::quantized() const { return m_state->quantized; }

BaseKind BaseModel::kindOf(std::string_view name, DType finalType) const {
  if (const auto* tensor = m_state->quantizedFor(name, finalType)) return kindOfFormat(tensor->format);
  const TensorInfo* info = m_state->checkpoint.find(name);
  if (!info) return BaseKind::None;
  const bool convertible = isCodedFloat(info->dtype) && isCodedFloat(finalType);
  return info->dtype == finalType || convertible ? BaseKind::Same : BaseKind::None;
}

std::uint64_t BaseModel::storedBytes(std::string_view name) const {
  if (const auto found = m_state->quantized.weights.find(name); found != m_state->quantized.weights.end())
    return found->second.storedBytes;
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
  if (const auto* tensor = m_state->quantizedFor(name, finalType))
    return m_state->sliceQuantized(*tensor, count, withValues, into);
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

Result<void> BaseModel::State::sliceQuantized(const QuantizedTensor& tensor, std::size_t count, bool withValues,
                                              SliceBuffer& into) const {
  auto& slice = into.slice;
  const bool int8 = tensor.format == QuantFormat::Int8;
  const std::size_t there = presentOf(tensor.elements, slice.first, count);
  const std::uint8_t zero = tensor.format == QuantFormat::Nf4 ? kNf4Zero : 0;
  into.codes.resize(int8 ? count : (count + 1) / 2);
  const auto codes = std::as_writable_bytes(std::span(into.codes)).first(int8 ? there : (there + 1) / 2);
  std::fill(into.codes.begin() + static_cast<std::ptrdiff_t>(codes.size()), into.codes.end(),
            static_cast<std::uint8_t>(zero << 4 | zero));
  if (there > 0) DELTASCOPE_TRY(checkpoint.read(*tensor.codes, int8 ? slice.first : slice.first / 2, codes));
  if (!int8 && there % 2 != 0 && there < count)
    into.codes[there / 2] = static_cast<std::uint8_t>((into.codes[there / 2] & 0xf0) | zero);
  slice.codes = into.codes;
  slice.group = std::max<std::uint64_t>(int8 ? tensor.columns : tensor.blocksize, 1);
  const std::uint64_t firstScale = slice.first / slice.group;
  const std::uint64_t endScale = count > 0 ? (slice.first + count - 1) / slice.group + 1 : firstScale;
  if (endScale <= tensor.scales.size()) {
    slice.scales = std::span(tensor.scales).subspan(firstScale, endScale - firstScale);
  } else {
    into.scales.assign(endScale - firstScale, 0.0F);
    if (firstScale < tensor.scales.size())
      std::copy(tensor.scales.begin() + static_cast<std::ptrdiff_t>(firstScale), tensor.scales.end(), into.scales.begin());
    slice.scales = into.scales;
  }
  into.values.clear();
  if (!withValues) return {};
  into.values.resize(count * bytesOf(slice.finalType));
  baseValues(slice, into.values);
  slice.values = into.values;
  return {};
}

void BaseModel::dropScales() {
  for (auto& [name, tensor] : m_state->quantized.weights) std::vector<float>().swap(tensor.scales);
}

BaseKind kindOfFormat(QuantFormat format) {
  if (format == QuantFormat::Int8) return BaseKind::Int8;
  return format == QuantFormat::Nf4 ? BaseKind::Nf4 : BaseKind::Fp4;
}

Result<Hash128> BaseModel::hash(std::string_view name) const {
  const auto found = m_state->quantized.weights.find(name);
  const QuantizedTensor* quantized = found != m_state->quantized.weights.end() ? &found->second : nullptr;
  const TensorInfo* info = quantized ? quantized->codes : m_state->checkpoint.find(name);
  if (!info)
    return fail(ErrorCode::NotFound,
                at({m_state->checkpoint.path(), std::string(name), std::nullopt}, "no such tensor in the base"));
  Hasher128 hasher;
  std::vector<std::byte> bytes;
  for (std::uint64_t begin = 0; begin < info->bytes; begin += bytes.size()) {
    bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kReadBytes, info->bytes - begin)));
    DELTASCOPE_TRY(m_state->checkpoint.read(*info, begin, bytes));
    hasher.update(bytes);
  }
  if (quantized) hasher.update(std::as_bytes(std::span(quantized->scales)));
  return hasher.digest();
}

}  // namespace deltascope
