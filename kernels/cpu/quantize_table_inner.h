// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The table of one instruction set, from functions of one float type each: to be included behind them, once, in the file that
/// has turned to that instruction set.
#include "kernels/quantize.h"

namespace deltascope::kernels {
namespace {

#define DELTASCOPE_BY_TYPE(function, ...)              \
  switch (type) {                                      \
    case ElementType::F32:                             \
      return function<ElementType::F32>(__VA_ARGS__);  \
    case ElementType::F16:                             \
      return function<ElementType::F16>(__VA_ARGS__);  \
    case ElementType::BF16:                            \
      return function<ElementType::BF16>(__VA_ARGS__); \
  }

constexpr QuantizeOps kTableOfTypes{
    [](ElementType type, const std::byte* from, std::size_t n, float* into) { DELTASCOPE_BY_TYPE(toFloatT, from, n, into) },
    [](ElementType type, const float* from, std::size_t n, std::byte* into) { DELTASCOPE_BY_TYPE(fromFloatT, from, n, into) },
    [](ElementType type, const std::byte* weights, std::size_t n, std::size_t run, float* into) {
      DELTASCOPE_BY_TYPE(absmaxT, weights, n, run, into)
    },
    [](const FourBitCode& code, ElementType type, const std::byte* weights, std::size_t n, std::size_t block,
       std::uint8_t* codes, float* absmax) { DELTASCOPE_BY_TYPE(quantize4bitAny, code, weights, n, block, codes, absmax) },
    [](const FourBitCode& code, const std::uint8_t* codes, std::size_t n, std::size_t block, const float* absmax,
       ElementType type, std::byte* into) { DELTASCOPE_BY_TYPE(dequantize4bitT, code, codes, n, block, absmax, into) },
    [](ElementType type, const std::byte* weights, std::size_t n, float factor, std::int8_t* codes) {
      DELTASCOPE_BY_TYPE(quantizeInt8T, weights, n, factor, codes)
    },
    [](const std::int8_t* codes, std::size_t n, float scale, ElementType type, std::byte* into) {
      DELTASCOPE_BY_TYPE(dequantizeInt8T, codes, n, scale, into)
    },
};

#undef DELTASCOPE_BY_TYPE

}  // namespace
}  // namespace deltascope::kernels
