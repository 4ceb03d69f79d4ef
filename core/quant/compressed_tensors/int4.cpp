// SPDX-License-Identifier: Apache-2.0
#include "core/quant/compressed_tensors/int4.h"

#include <algorithm>
#include <bit>

#include "core/base/units.h"
#include "core/quant/codebook.h"
#include "core/quant/part_reader.h"

namespace deltascope {
namespace {

constexpr std::string_view kWeight = ".weight", kPacked = "_packed", kScale = "_scale", kShape = "_shape",
                           kZero = "_zero_point", kOrder = "_g_idx";
constexpr std::uint64_t kPerWord = 8;

constexpr CodeBook kBook = makeCodeBook({-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7},
                                        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
constexpr kernels::FourBitCode kCode = forKernels(kBook);

/// The parts of one weight, if it is of this kind.
struct Parts {
  std::string weight;
  const TensorInfo *packed = nullptr, *scale = nullptr, *shape = nullptr;
  std::uint64_t columns = 0, group = 0;
};

std::optional<Parts> partsOf(const Checkpoint& checkpoint, const TensorInfo& packed) {
  const std::string_view name = packed.name;
  if (!name.ends_with(std::string(kWeight).append(kPacked)) || packed.dtype != DType::I32 || packed.shape.size() != 2)
    return std::nullopt;
  Parts parts;
  parts.weight = name.substr(0, name.size() - kPacked.size());
  const auto part = [&](std::string_view suffix) { return checkpoint.find(parts.weight + std::string(suffix)); };
  parts.packed = &packed;
  parts.scale = part(kScale);
  parts.shape = part(kShape);
  if (part(kZero) || part(kOrder) || checkpoint.find(parts.weight) || !parts.scale || !parts.shape) return std::nullopt;
  const auto& scales = parts.scale->shape;
  if (!isCodedFloat(parts.scale->dtype) || scales.size() != 2 || scales[0] != packed.shape[0] || scales[1] == 0)
    return std::nullopt;
  const auto columns = checkedMul(packed.shape[1], kPerWord);
  if (!columns || *columns % scales[1] != 0) return std::nullopt;
  parts.columns = *columns;
  parts.group = parts.columns / scales[1];
  const bool fits = std::has_single_bit(parts.group) && parts.group >= 32 && parts.group <= 4096;
  return fits ? std::optional(parts) : std::nullopt;
}

/// Whether `weight_shape` says what follows from the other parts. A width that is no multiple of a word's is padded there.
Result<bool> saysTheShape(const Checkpoint& checkpoint, const Parts& parts) {
  const TensorInfo& tensor = *parts.shape;
  if (tensor.elements != 2 || (tensor.dtype != DType::I64 && tensor.dtype != DType::I32)) return false;
  DELTASCOPE_ASSIGN(const auto bytes, checkpoint.readAll(tensor));
  std::array<std::uint64_t, 2> shape{};
  for (std::size_t i = 0; i < shape.size(); ++i)
    std::memcpy(&shape[i], bytes.data() + i * bytesOf(tensor.dtype), bytesOf(tensor.dtype));
  return shape[0] == parts.packed->shape[0] && shape[1] == parts.columns;
}

Result<void> add(const Checkpoint& checkpoint, const Parts& parts, ScaleReading reading, QuantizedTensors& into) {
  PartReader reader(checkpoint, parts.weight, *parts.packed, "compressed-tensors");
  for (const auto* part : {parts.packed, parts.scale, parts.shape}) DELTASCOPE_TRY(reader.require(part->name));
  QuantizedTensor tensor;
  tensor.kind = BaseKind::Int4;
  tensor.codes = parts.packed;
  tensor.dtype = parts.scale->dtype;
  tensor.shape = {parts.packed->shape[0], parts.columns};
  tensor.elements = parts.packed->elements * kPerWord;
  tensor.layout = int4Base().layout(parts.group);
  if (reading == ScaleReading::Read) {
    DELTASCOPE_ASSIGN(const auto stored, checkpoint.readAll(*parts.scale));
    tensor.scales.resize(static_cast<std::size_t>(parts.scale->elements));
    toFloat(parts.scale->dtype, stored, tensor.scales);
  }
  reader.commit(std::move(tensor), into);
  return {};
}

class Int4 final : public BaseFormat {
 public:
  [[nodiscard]] BaseKind kind() const override { return BaseKind::Int4; }
  [[nodiscard]] std::string_view name() const override { return "int4"; }
  [[nodiscard]] std::string_view library() const override { return "compressed-tensors"; }
  [[nodiscard]] BaseLayout layout(std::uint64_t group) const override { return {4, std::max<std::uint64_t>(group, 1), 8}; }
  [[nodiscard]] int payloadVersion() const override { return 3; }

  [[nodiscard]] Result<void> find(const Checkpoint& checkpoint, ScaleReading reading, QuantizedTensors& into) const override {
    for (const auto& tensor : checkpoint.tensors()) {
      const auto parts = partsOf(checkpoint, tensor);
      if (!parts) continue;
      const auto says = saysTheShape(checkpoint, *parts);
      if (says && !*says) continue;
      const auto added = says ? add(checkpoint, *parts, reading, into) : tl::make_unexpected(says.error());
      if (!added && reading != ScaleReading::Describe) return added;
    }
    return {};
  }

  /// A word holds eight columns, the first in its lowest bits; here the even one of a byte is high.
  [[nodiscard]] Result<void> readCodes(const Checkpoint& checkpoint, const QuantizedTensor& tensor, IndexRange elements,
                                       std::span<std::byte> into) const override {
    DELTASCOPE_TRY(BaseFormat::readCodes(checkpoint, tensor, elements, into));
    for (auto& byte : into) byte = byte << 4 | byte >> 4;
    return {};
  }

  void values(const BaseSlice& slice, std::span<std::byte> into) const override {
    fourBitValues(kCode, slice.codes, slice.scales, slice.group, slice.finalType, into);
  }
  [[nodiscard]] kernels::AnchorRule anchors(DType finalType) const override { return fourBitAnchors(kBook, finalType); }
  [[nodiscard]] kernels::DeviceBase device() const override {
    kernels::DeviceBase base;
    base.kind = kernels::DeviceBase::Kind::FourBit;
    base.book = kBook.values;
    return base;
  }
  [[nodiscard]] kernels::Matrix matrix() const override {
    kernels::Matrix matrix;
    matrix.form = kernels::Matrix::Form::FourBit;
    matrix.values = kBook.values.data();
    return matrix;
  }
};

}  // namespace

const BaseFormat& int4Base() {
  static const Int4 format;
  return format;
}

}  // namespace deltascope
