// SPDX-License-Identifier: Apache-2.0
#include "core/quant/codebook.h"

#include <cassert>

#include "core/quant/float_type.h"

namespace deltascope {
namespace {

constexpr CodeBook makeCodeBook(const std::array<float, 16>& values, const std::array<std::uint8_t, 16>& order) {
  CodeBook book{values, {}, order};
  for (std::size_t i = 0; i < 15; ++i) book.boundaries[i] = (values[order[i]] + values[order[i + 1]]) / 2;
  return book;
}

constexpr CodeBook kNf4 = makeCodeBook(
    {-1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f,
     -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
     0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});

/// Sign, two bits of exponent, one of mantissa, over the largest, 12. Both zeros are +0.
constexpr CodeBook kFp4 = makeCodeBook({0.0f, 0.0625f / 12, 8.0f / 12, 1.0f, 4.0f / 12, 0.5f, 2.0f / 12, 0.25f,  //
                                        0.0f, -0.0625f / 12, -8.0f / 12, -1.0f, -4.0f / 12, -0.5f, -2.0f / 12, -0.25f},
                                       {11, 10, 13, 12, 15, 14, 9, 0, 8, 1, 6, 7, 4, 5, 2, 3});

constexpr kernels::FourBitCode forKernels(const CodeBook& book) { return {book.values, book.boundaries, book.order}; }
constexpr kernels::FourBitCode kNf4Kernel = forKernels(kNf4), kFp4Kernel = forKernels(kFp4);

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

const CodeBook& codeBook(QuantFormat format) {
  assert(format != QuantFormat::Int8);
  return format == QuantFormat::Fp4 ? kFp4 : kNf4;
}

const kernels::FourBitCode& fourBitCode(QuantFormat format) {
  assert(format != QuantFormat::Int8);
  return format == QuantFormat::Fp4 ? kFp4Kernel : kNf4Kernel;
}

void toFloat(DType dtype, std::span<const std::byte> from, std::span<float> into) {
  assert(isCodedFloat(dtype) && from.size() == into.size() * bytesOf(dtype));
  kernels::quantizeOps(kernels::bestIsa()).toFloat(floatType(dtype), from.data(), into.size(), into.data());
}

void fromFloat(DType dtype, std::span<const float> from, std::span<std::byte> into) {
  assert(isCodedFloat(dtype) && into.size() == from.size() * bytesOf(dtype));
  kernels::quantizeOps(kernels::bestIsa()).fromFloat(floatType(dtype), from.data(), from.size(), into.data());
}

}  // namespace deltascope
