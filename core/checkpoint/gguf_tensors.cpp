// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <unordered_set>

#include "core/base/units.h"
#include "core/checkpoint/ggml_type.h"
#include "core/checkpoint/gguf_header.h"
#include "core/checkpoint/pickle_cursor.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kLongestName = 65535, kMostAlignment = 1u << 20, kUsualAlignment = 32;
constexpr std::uint32_t kMostSides = 4;

/// One entry, its offset still counted from the first tensor's.
Result<TensorInfo> readEntry(GgufCursor& cursor) {
  TensorInfo tensor;
  const std::uint64_t begin = cursor.offset();
  const auto corrupt = [&](std::string_view what) { return cursor.corrupt(begin, what, tensor.name); };
  DELTASCOPE_ASSIGN(tensor.name, cursor.text(kLongestName, "a tensor's name"));
  if (!isUtf8(tensor.name)) return cursor.corrupt(begin, "a tensor's name is not UTF-8");
  DELTASCOPE_ASSIGN(const auto sides, cursor.number<std::uint32_t>("a tensor's number of sides"));
  if (sides > kMostSides) return corrupt("has " + std::to_string(sides) + " sides; the most is 4");
  for (std::uint32_t i = 0; i < sides; ++i) {
    DELTASCOPE_ASSIGN(const auto side, cursor.number<std::uint64_t>("a tensor's side"));
    tensor.shape.insert(tensor.shape.begin(), side);
  }
  DELTASCOPE_ASSIGN(const auto number, cursor.number<std::uint32_t>("a tensor's type"));
  DELTASCOPE_ASSIGN(tensor.offset, cursor.number<std::uint64_t>("a tensor's offset"));
  tensor.ggml = ggmlType(number);
  if (!tensor.ggml) {
    auto error = corrupt("is of the type " + std::to_string(number) + ", which is not known here");
    error.value().code = ErrorCode::Unsupported;
    error.value().hint = "take the model in another quantization";
    return error;
  }
  const GgmlType& type = *tensor.ggml;
  const std::uint64_t columns = tensor.shape.empty() ? 1 : tensor.shape.back();
  if (columns % type.elements != 0)
    return corrupt("is " + std::string(type.name) + ", in blocks of " + std::to_string(type.elements) + ", with rows of " +
                   formatCount(columns) + " elements");
  std::optional<std::uint64_t> rows = 1;
  for (std::size_t i = 0; i + 1 < tensor.shape.size(); ++i) rows = rows ? checkedMul(*rows, tensor.shape[i]) : std::nullopt;
  const auto rowBytes = checkedMul(columns / type.elements, type.bytes);
  const auto bytes = rows && rowBytes ? checkedMul(*rows, *rowBytes) : std::nullopt;
  const auto elements = rows ? checkedMul(*rows, columns) : std::nullopt;
  if (!bytes || !elements) return corrupt("has sides whose product overflows: " + shapeText(tensor.shape));
  tensor.bytes = *bytes;
  tensor.dtype = type.plain.value_or(DType::U8);
  tensor.elements = type.plain ? *elements : *bytes;
  if (!type.plain) tensor.shape.back() = *rowBytes;  // no scalar has a whole block
  return tensor;
}

Result<std::uint64_t> alignmentOf(const GgufCursor& cursor, const GgufMetadata& metadata) {
  constexpr std::string_view kKey = "general.alignment";
  if (!metadata.contains(kKey)) return kUsualAlignment;
  const auto alignment = wholeIn(metadata, kKey);
  if (!alignment || !std::has_single_bit(*alignment) || *alignment > kMostAlignment)
    return cursor.corrupt(cursor.offset(), "general.alignment is " + printable(textOf(metadata.find(kKey)->second), 40) +
                                               ", not a power of two up to " + formatCount(kMostAlignment));
  return *alignment;
}

}  // namespace

Result<std::vector<TensorInfo>> readGgufTensors(GgufCursor& cursor, std::uint64_t count, const GgufMetadata& metadata,
                                                std::uint64_t fileSize) {
  DELTASCOPE_ASSIGN(const std::uint64_t alignment, alignmentOf(cursor, metadata));
  std::vector<TensorInfo> tensors;
  std::unordered_set<std::string> names;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t begin = cursor.offset();
    DELTASCOPE_ASSIGN(TensorInfo tensor, readEntry(cursor));
    if (!names.insert(tensor.name).second) return cursor.corrupt(begin, "is there twice", tensor.name);
    if (tensor.offset % alignment != 0)
      return cursor.corrupt(begin, "its offset " + formatCount(tensor.offset) + " is no multiple of " + formatCount(alignment),
                            tensor.name);
    tensors.push_back(std::move(tensor));
  }
  const std::uint64_t data = roundUp(cursor.offset(), alignment);
  std::ranges::stable_sort(tensors, {}, &TensorInfo::offset);
  std::uint64_t free = data;
  for (auto& tensor : tensors) {
    const auto begin = checkedAdd(data, tensor.offset), end = begin ? checkedAdd(*begin, tensor.bytes) : std::nullopt;
    if (!end || *end > fileSize)
      return cursor.corrupt(
          begin.value_or(tensor.offset),
          "its " + formatCount(tensor.bytes) + " bytes go past the end of the file, which has " + formatCount(fileSize),
          tensor.name);
    if (*begin < free && tensor.bytes > 0) return cursor.corrupt(*begin, "overlaps the tensor before it", tensor.name);
    tensor.offset = *begin;
    free = std::max(free, *end);
  }
  return tensors;
}

}  // namespace deltascope
