// SPDX-License-Identifier: Apache-2.0
#include "core/quant/bitsandbytes/formats.h"

#include <algorithm>

#include "core/quant/bitsandbytes/quantize.h"
#include "core/quant/bitsandbytes/read.h"
#include "core/quant/element_type.h"

namespace deltascope {
namespace {

using kernels::DeviceBase;
using kernels::Matrix;

constexpr CodeBook kNf4 = makeCodeBook(
    {-1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f,
     -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
     0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});

/// Sign, two bits of exponent, one of mantissa, over the largest, 12. Both zeros are +0.
constexpr CodeBook kFp4 = makeCodeBook({0.0f, 0.0625f / 12, 8.0f / 12, 1.0f, 4.0f / 12, 0.5f, 2.0f / 12, 0.25f,  //
                                        0.0f, -0.0625f / 12, -8.0f / 12, -1.0f, -4.0f / 12, -0.5f, -2.0f / 12, -0.25f},
                                       {11, 10, 13, 12, 15, 14, 9, 0, 8, 1, 6, 7, 4, 5, 2, 3}, 8);

constexpr kernels::FourBitCode kNf4Kernel = forKernels(kNf4), kFp4Kernel = forKernels(kFp4);

class FourBit final : public BaseFormat {
 public:
  explicit FourBit(QuantFormat format) : m_format(format) {}
  [[nodiscard]] BaseKind kind() const override { return m_format == QuantFormat::Nf4 ? BaseKind::Nf4 : BaseKind::Fp4; }
  [[nodiscard]] std::string_view name() const override { return nameOf(m_format); }
  [[nodiscard]] std::string_view library() const override { return "bitsandbytes"; }
  [[nodiscard]] BaseLayout layout(std::uint64_t group) const override {
    return {4, std::max<std::uint64_t>(group, 1), static_cast<std::uint8_t>(m_format == QuantFormat::Nf4 ? 7 : 0)};
  }
  [[nodiscard]] Result<void> find(const Checkpoint& checkpoint, ScaleReading reading, QuantizedTensors& into) const override {
    return findFourBit(checkpoint, m_format, reading, into);
  }
  /// The parts of NF4 and FP4 have the same names.
  [[nodiscard]] Result<void> refuseOrphan(const Checkpoint& checkpoint, const TensorInfo& tensor,
                                          const QuantizedTensors& found) const override {
    return m_format == QuantFormat::Nf4 ? refuseFourBitOrphan(checkpoint, tensor, found) : Result<void>{};
  }
  void values(const BaseSlice& slice, std::span<std::byte> into) const override {
    fourBitValues(fourBitCode(m_format), slice.codes, slice.scales, slice.group, slice.finalType, into);
  }
  [[nodiscard]] kernels::AnchorRule anchors(DType finalType) const override {
    return fourBitAnchors(codeBook(m_format), finalType);
  }
  [[nodiscard]] DeviceBase device() const override {
    DeviceBase base;
    base.kind = DeviceBase::Kind::FourBit;
    base.book = codeBook(m_format).values;
    return base;
  }
  [[nodiscard]] Matrix matrix() const override {
    Matrix matrix;
    matrix.form = Matrix::Form::FourBit;
    matrix.values = codeBook(m_format).values.data();
    return matrix;
  }
  [[nodiscard]] bool expands() const override { return m_format == QuantFormat::Nf4; }
  [[nodiscard]] bool hasState() const override { return true; }

 private:
  QuantFormat m_format;
};

class Int8 final : public BaseFormat {
 public:
  [[nodiscard]] BaseKind kind() const override { return BaseKind::Int8; }
  [[nodiscard]] std::string_view name() const override { return nameOf(QuantFormat::Int8); }
  [[nodiscard]] std::string_view library() const override { return "bitsandbytes"; }
  [[nodiscard]] BaseLayout layout(std::uint64_t group) const override { return {8, std::max<std::uint64_t>(group, 1), 0}; }
  [[nodiscard]] Result<void> find(const Checkpoint& checkpoint, ScaleReading reading, QuantizedTensors& into) const override {
    return findInt8(checkpoint, reading, into);
  }
  [[nodiscard]] Result<void> refuseOrphan(const Checkpoint& checkpoint, const TensorInfo& tensor,
                                          const QuantizedTensors& found) const override {
    return refuseInt8Orphan(checkpoint, tensor, found);
  }
  void values(const BaseSlice& slice, std::span<std::byte> into) const override {
    dequantizeInt8({reinterpret_cast<const std::int8_t*>(slice.codes.data()), slice.codes.size()},
                   slice.group ? slice.first % slice.group : 0, slice.group, slice.scales, slice.finalType, into);
  }
  [[nodiscard]] kernels::AnchorRule anchors(DType finalType) const override {
    kernels::AnchorRule rule;
    rule.half = anchorType(finalType);
    rule.kind = kernels::AnchorKind::Int8;
    return rule;
  }
  [[nodiscard]] DeviceBase device() const override {
    DeviceBase base;
    base.kind = DeviceBase::Kind::Int8;
    return base;
  }
  [[nodiscard]] Matrix matrix() const override {
    Matrix matrix;
    matrix.form = Matrix::Form::Int8;
    return matrix;
  }
};

}  // namespace

std::string_view nameOf(QuantFormat format) {
  constexpr std::array<std::string_view, 3> names{"nf4", "fp4", "int8"};
  return names[static_cast<std::size_t>(format)];
}

std::optional<QuantFormat> quantFormatFromName(std::string_view name) {
  for (auto format : {QuantFormat::Nf4, QuantFormat::Fp4, QuantFormat::Int8})
    if (nameOf(format) == name) return format;
  return std::nullopt;
}

BaseKind kindOfFormat(QuantFormat format) {
  constexpr std::array kinds{BaseKind::Nf4, BaseKind::Fp4, BaseKind::Int8};
  return kinds[static_cast<std::size_t>(format)];
}

const CodeBook& codeBook(QuantFormat format) { return format == QuantFormat::Fp4 ? kFp4 : kNf4; }
const kernels::FourBitCode& fourBitCode(QuantFormat format) { return format == QuantFormat::Fp4 ? kFp4Kernel : kNf4Kernel; }

const BaseFormat& nf4Base() {
  static const FourBit format(QuantFormat::Nf4);
  return format;
}
const BaseFormat& fp4Base() {
  static const FourBit format(QuantFormat::Fp4);
  return format;
}
const BaseFormat& int8Base() {
  static const Int8 format;
  return format;
}

}  // namespace deltascope
