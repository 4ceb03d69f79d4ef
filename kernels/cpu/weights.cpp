// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/weights.h"

#include <algorithm>

#include "kernels/cpu/quantize_float.h"
#include "kernels/cpu/quantize_scalar.h"

namespace deltascope::kernels {
namespace {

float rounded(ElementType type, float x) {
  if (type == ElementType::F32) return x;
  return type == ElementType::F16 ? fromF16QuietNan(toF16OneNan(x)) : fromBf16(toBf16OneNan(x));
}

void fourBitToFloat(const Matrix& matrix, std::uint64_t first, std::size_t n, float* into) {
  const ElementType type = matrix.type;
  float table[16];
  for (std::uint64_t i = first, end = first + n; i < end;) {
    const float scale = matrix.scales[i / matrix.group];
    for (std::size_t code = 0; code < 16; ++code) table[code] = rounded(type, matrix.values[code] * scale);
    for (const std::uint64_t stop = std::min(end, (i / matrix.group + 1) * matrix.group); i < stop; ++i) {
      const std::uint8_t pair = matrix.codes[i / 2];
      *into++ = table[i % 2 == 0 ? pair >> 4 : pair & 15];
    }
  }
}

void int8ToFloat(const Matrix& matrix, std::uint64_t first, std::size_t n, float* into) {
  const ElementType type = matrix.type;
  for (std::uint64_t i = first; i < first + n; ++i) {
    const auto q = static_cast<float>(static_cast<std::int8_t>(matrix.codes[i]));
    *into++ = rounded(type, q * matrix.scales[i / matrix.columns] * scalar::kInverse127);
  }
}

}  // namespace

void elementsToFloat(const Matrix& matrix, std::uint64_t first, std::size_t n, float* into, Isa isa) {
  if (matrix.form == Matrix::Form::FourBit) return fourBitToFloat(matrix, matrix.skip + first, n, into);
  if (matrix.form == Matrix::Form::Int8) return int8ToFloat(matrix, first, n, into);
  const auto* bytes = static_cast<const std::byte*>(matrix.elements) + first * bytesOf(matrix.type);
  quantizeOps(isa).toFloat(matrix.type, bytes, n, into);
}

}  // namespace deltascope::kernels
