// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Plain C++ forms of QuantizeOps: the reference, the tails of the vector forms, and their way out for blocks with NaN or
/// infinity.
#include "kernels/quantize.h"

namespace deltascope::kernels::scalar {

void toFloat(ElementType type, const std::byte* from, std::size_t n, float* into);
void fromFloat(ElementType type, const float* from, std::size_t n, std::byte* into);
void absmax(ElementType type, const std::byte* weights, std::size_t n, std::size_t run, float* into);
void quantize4bit(const FourBitCode& code, ElementType type, const std::byte* weights, std::size_t n, std::size_t block,
                  std::uint8_t* codes, float* absmax);
void dequantize4bit(const FourBitCode& code, const std::uint8_t* codes, std::size_t n, std::size_t block, const float* absmax,
                    ElementType type, std::byte* into);
void quantizeInt8(ElementType type, const std::byte* weights, std::size_t n, float factor, std::int8_t* codes);
void dequantizeInt8(const std::int8_t* codes, std::size_t n, float scale, ElementType type, std::byte* into);

/// The library's FP32 constant.
inline constexpr float kInverse127 = 7.874015718698502e-3f;

}  // namespace deltascope::kernels::scalar

namespace deltascope::kernels {
extern const QuantizeOps kScalarQuantizeOps;
#if defined(__x86_64__)
extern const QuantizeOps kAvx2QuantizeOps, kAvx512QuantizeOps;
#endif
}  // namespace deltascope::kernels
