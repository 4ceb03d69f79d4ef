// SPDX-License-Identifier: Apache-2.0
#include "core/quant/bitsandbytes/quantize.h"

#include <algorithm>
#include <cassert>

#include "core/base/units.h"
#include "core/quant/element_type.h"

namespace deltascope {
namespace {

const kernels::QuantizeOps& ops() { return kernels::quantizeOps(kernels::bestIsa()); }

/// Calls `piece(begin, count, row)` for each row that `n` elements from `firstColumn` on touch.
template <class Piece>
void forEachRow(std::size_t n, std::uint64_t firstColumn, std::uint64_t columns, const Piece& piece) {
  std::uint64_t column = firstColumn;
  for (std::size_t begin = 0, row = 0; begin < n; ++row, column = 0) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(n - begin, columns - column));
    piece(begin, count, row);
    begin += count;
  }
}

}  // namespace

void quantize4bit(QuantFormat format, DType dtype, std::span<const std::byte> weights, unsigned blocksize,
                  std::span<std::uint8_t> codes, std::span<float> absmax) {
  const std::size_t size = bytesOf(dtype), n = weights.size() / size, whole = n - n % blocksize;
  assert(isBlocksize(blocksize) && codes.size() == ceilDiv(n, 2) && absmax.size() == ceilDiv(n, blocksize));
  const auto& code = fourBitCode(format);
  if (whole) ops().quantize4bit(code, elementType(dtype), weights.data(), whole, blocksize, codes.data(), absmax.data());
  if (whole < n)
    kernels::quantize4bitTail(code, elementType(dtype), weights.data() + whole * size, n - whole, codes.data() + whole / 2,
                              absmax[whole / blocksize]);
}

void blockAbsmax(DType dtype, std::span<const std::byte> weights, unsigned blocksize, std::span<float> absmax) {
  const std::size_t n = weights.size() / bytesOf(dtype);
  assert(isBlocksize(blocksize) && absmax.size() == ceilDiv(n, blocksize));
  if (n) ops().absmax(elementType(dtype), weights.data(), n, blocksize, absmax.data());
  if (n % blocksize && absmax.back() < kernels::kSmallestAbsmax) absmax.back() = kernels::kSmallestAbsmax;
}

void dequantize4bit(QuantFormat format, std::span<const std::uint8_t> codes, std::span<const float> absmax, unsigned blocksize,
                    DType dtype, std::span<std::byte> into) {
  assert(isBlocksize(blocksize));
  fourBitValues(fourBitCode(format), codes, absmax, blocksize, dtype, into);
}

void rowAbsmax(DType dtype, std::span<const std::byte> weights, std::uint64_t columns, std::span<float> scales) {
  const std::size_t n = weights.size() / bytesOf(dtype);
  assert(n == 0 || scales.size() == ceilDiv(n, columns));
  std::ranges::fill(scales, 0.0f);  // rows of no columns
  if (n == 0) return;
  ops().absmax(elementType(dtype), weights.data(), n, static_cast<std::size_t>(columns), scales.data());
}

void quantizeInt8(DType dtype, std::span<const std::byte> weights, std::uint64_t firstColumn, std::uint64_t columns,
                  std::span<const float> scales, std::span<std::int8_t> codes) {
  const std::size_t size = bytesOf(dtype);
  assert(weights.size() == codes.size() * size && firstColumn <= columns);
  forEachRow(codes.size(), firstColumn, columns, [&](std::size_t begin, std::size_t count, std::size_t row) {
    const float factor = 1.0f / scales[row] * 127.0f;  // two roundings, as torch computes 127 / scales
    ops().quantizeInt8(elementType(dtype), weights.data() + begin * size, count, factor, codes.data() + begin);
  });
}

void dequantizeInt8(std::span<const std::int8_t> codes, std::uint64_t firstColumn, std::uint64_t columns,
                    std::span<const float> scales, DType dtype, std::span<std::byte> into) {
  const std::size_t size = bytesOf(dtype);
  assert(into.size() == codes.size() * size && firstColumn <= columns);
  forEachRow(codes.size(), firstColumn, columns, [&](std::size_t begin, std::size_t count, std::size_t row) {
    ops().dequantizeInt8(codes.data() + begin, count, scales[row], elementType(dtype), into.data() + begin * size);
  });
}

}  // namespace deltascope
