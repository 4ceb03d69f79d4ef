// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The arithmetic of 4- and 8-bit weights on a processor: conversions, block maxima, code search and its inverse.
///
/// Every table computes the same bits: plain C++, AVX2 and AVX-512 differ in speed alone. Floats are IEEE-754; all roundings
/// are to nearest even, denormals are kept. A NaN that a function produces is always the positive quiet one without payload
/// (0x7FC0, 0x7E00, 0x7FC00000), because processors disagree about all others.
///
/// Pointers need no alignment. Nothing is allocated; every function may run on any thread.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/backend.h"
#include "kernels/element_type.h"

namespace deltascope::kernels {

/// A 4-bit format: values by code, the boundaries between neighbouring values in ascending order, and the code of each rank.
/// The rank of y is the number of boundaries b with !(y <= b), so that a NaN has rank 15. Boundaries lie inside (-1, 1).
struct FourBitCode {
  std::array<float, 16> values{};
  std::array<float, 15> boundaries{};
  std::array<std::uint8_t, 16> order{};
};

/// The smallest divisor of a block: the library clamps the maximum of a block to it before it inverts.
inline constexpr float kSmallestAbsmax = 1e-38f;

/// One implementation of each operation. `n` counts weights.
struct QuantizeOps {
  /// FP32 values of n floats of `type`. BF16 keeps NaN payloads; a signalling F16 NaN becomes quiet.
  void (*toFloat)(ElementType type, const std::byte* from, std::size_t n, float* into);
  void (*fromFloat)(ElementType type, const float* from, std::size_t n, std::byte* into);

  /// The largest magnitude of each run of `run` weights; the last run may be short. NaN where the run holds one. n > 0.
  void (*absmax)(ElementType type, const std::byte* weights, std::size_t n, std::size_t run, float* into);

  /// Whole blocks: n is a multiple of `block`, which is a multiple of 32. Writes n / 2 bytes, the first weight in the high
  /// nibble, and n / block maxima. y = x · (1 / max(absmax, kSmallestAbsmax)).
  void (*quantize4bit)(const FourBitCode& code, ElementType type, const std::byte* weights, std::size_t n, std::size_t block,
                       std::uint8_t* codes, float* absmax);
  /// value[code] · absmax, rounded once to `type`. Whole blocks as above.
  void (*dequantize4bit)(const FourBitCode& code, const std::uint8_t* codes, std::size_t n, std::size_t block,
                         const float* absmax, ElementType type, std::byte* into);

  /// A piece of one row: rint(x · factor), held to ±127; 0 where the product is not finite.
  void (*quantizeInt8)(ElementType type, const std::byte* weights, std::size_t n, float factor, std::int8_t* codes);
  /// A piece of one row: (q · scale) · FP32(1 / 127), each product rounded.
  void (*dequantizeInt8)(const std::int8_t* codes, std::size_t n, float scale, ElementType type, std::byte* into);
};

/// `isa` must be one of supportedIsas().
[[nodiscard]] const QuantizeOps& quantizeOps(Isa isa);

/// A last, short block (n < block): divides by the clamped maximum and stores the clamped one, as the library does. Writes
/// ceil(n / 2) bytes; an odd n leaves the code of zero in the last low nibble.
void quantize4bitTail(const FourBitCode& code, ElementType type, const std::byte* weights, std::size_t n, std::uint8_t* codes,
                      float& absmax);
void dequantize4bitTail(const FourBitCode& code, const std::uint8_t* codes, std::size_t n, float absmax, ElementType type,
                        std::byte* into);

}  // namespace deltascope::kernels
