// SPDX-License-Identifier: Apache-2.0
#include "core/quant/codebook.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>

#include "core/base/units.h"
#include "core/quant/element_type.h"
#include "kernels/half.h"

namespace deltascope {
namespace {

using kernels::ElementType;

const kernels::QuantizeOps& ops() { return kernels::quantizeOps(kernels::bestIsa()); }

float edgeOf(const CodeBook& book, std::size_t rank) {
  const std::size_t code = book.order[rank];
  const float value = book.values[code];
  if (value > 0) return book.boundaries[rank - 1];
  if (value < 0) return book.boundaries[rank];
  float edge = 0;
  for (std::size_t b : {rank - 1, rank})
    if (b < 15) edge = std::max(edge, std::fabs(book.boundaries[b]));
  edge *= (1 + 4.0f / 128) / 256;
  return static_cast<int>(code) == book.negativeZero ? -edge : edge;
}

}  // namespace

kernels::AnchorRule fourBitAnchors(const CodeBook& book, DType finalType) {
  kernels::AnchorRule rule;
  rule.kind = kernels::AnchorKind::Nibble;
  rule.half = anchorType(finalType);
  for (std::size_t rank = 0; rank < book.order.size(); ++rank) {
    const float edge = edgeOf(book, rank);
    rule.lo[book.order[rank]] = rule.half == ElementType::BF16
                                    ? static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(edge) >> 16)
                                    : kernels::toF16KeepingNan(edge);
  }
  return rule;
}

void fourBitValues(const kernels::FourBitCode& code, std::span<const std::uint8_t> codes, std::span<const float> scales,
                   std::uint64_t group, DType dtype, std::span<std::byte> into) {
  const auto block = static_cast<std::size_t>(group);
  const std::size_t size = bytesOf(dtype), n = into.size() / size, whole = n - n % block;
  const auto type = elementType(dtype);
  assert(codes.size() >= ceilDiv(n, 2) && scales.size() >= ceilDiv(n, block));
  if (whole) ops().dequantize4bit(code, codes.data(), whole, block, scales.data(), type, into.data());
  if (whole < n)
    kernels::dequantize4bitTail(code, codes.data() + whole / 2, n - whole, scales[whole / block], type,
                                into.data() + whole * size);
}

void toFloat(DType dtype, std::span<const std::byte> from, std::span<float> into) {
  assert(isCodedFloat(dtype) && from.size() == into.size() * bytesOf(dtype));
  ops().toFloat(elementType(dtype), from.data(), into.size(), into.data());
}

void fromFloat(DType dtype, std::span<const float> from, std::span<std::byte> into) {
  assert(isCodedFloat(dtype) && into.size() == from.size() * bytesOf(dtype));
  ops().fromFloat(elementType(dtype), from.data(), from.size(), into.data());
}

}  // namespace deltascope
