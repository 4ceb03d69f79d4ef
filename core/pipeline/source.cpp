// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/source.h"

#include <algorithm>

#include "core/codec/statistics.h"

namespace deltascope {
namespace {

constexpr std::size_t kReadBytes = std::size_t{4} << 20;

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
  const auto refuse = [&](std::uint64_t elements) {
    return fail(ErrorCode::InvalidArgument,
                at({m_state->checkpoint.path(), std::string(name), std::nullopt},
                   "elements " + std::to_string(first) + " and following are outside its " + std::to_string(elements)));
  };
  const auto fits = [&](std::uint64_t elements) { return first <= elements && count <= elements - first; };
  if (const auto* tensor = m_state->quantizedFor(name, finalType))
    return fits(tensor->elements) ? m_state->sliceQuantized(*tensor, count, withValues, into) : refuse(tensor->elements);
  const TensorInfo* info = m_state->checkpoint.find(name);
  if (into.slice.kind == BaseKind::None || !info) return {};
  return fits(info->elements) ? m_state->slicePlain(*info, count, into) : refuse(info->elements);
}

Result<void> BaseModel::State::slicePlain(const TensorInfo& info, std::size_t count, SliceBuffer& into) const {
  auto& slice = into.slice;
  DELTASCOPE_TRY(readElements(checkpoint, info, slice.first, count, into.values));
  into.stored.clear();
  if (info.dtype != slice.finalType) {
    into.stored.swap(into.values);
    std::vector<float> floats(count);
    toFloat(info.dtype, into.stored, floats);
    into.values.resize(count * bytesOf(slice.finalType));
    fromFloat(slice.finalType, floats, into.values);
  }
  slice.values = into.values;
  return {};
}

Result<void> BaseModel::State::sliceQuantized(const QuantizedTensor& tensor, std::size_t count, bool withValues,
                                              SliceBuffer& into) const {
  auto& slice = into.slice;
  const bool int8 = tensor.format == QuantFormat::Int8;
  const std::uint64_t begin = int8 ? slice.first : slice.first / 2;
  into.codes.resize(int8 ? count : (count + 1) / 2);
  if (count > 0) DELTASCOPE_TRY(checkpoint.read(*tensor.codes, begin, std::as_writable_bytes(std::span(into.codes))));
  slice.codes = into.codes;
  slice.group = std::max<std::uint64_t>(int8 ? tensor.columns : tensor.blocksize, 1);
  const std::uint64_t firstScale = slice.first / slice.group;
  const std::uint64_t endScale = count > 0 ? (slice.first + count - 1) / slice.group + 1 : firstScale;
  slice.scales = std::span(tensor.scales).subspan(firstScale, endScale - firstScale);
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
