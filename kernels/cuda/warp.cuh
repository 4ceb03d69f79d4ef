// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What kernels of one warp share: loads, the tensor-core product of a step, sums over lanes.
#include <cstdint>

namespace deltascope::kernels::cuda {

inline constexpr unsigned kWarp = 32;
inline constexpr unsigned kAllLanes = 0xffffffffu;

struct Pairs {
  std::uint32_t pair[4];  ///< eight BF16 weights of a lane: 2j in the low half of pair j
};

__device__ __forceinline__ std::uint32_t sharedAddress(const void* p) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(p));
}
__device__ __forceinline__ std::uint32_t loadShared(std::uint32_t address) {
  std::uint32_t value;
  asm volatile("ld.shared.u32 %0, [%1];" : "=r"(value) : "r"(address));
  return value;
}
/// Read once: past the first cache.
__device__ __forceinline__ std::uint32_t loadOnce(const std::uint32_t* p) { return __ldcs(p); }
__device__ __forceinline__ uint2 loadOnce(const uint2* p) { return __ldcs(p); }
__device__ __forceinline__ uint4 loadOnce(const uint4* p) { return __ldcs(p); }

/// Two BF16 products, each rounded to nearest even; subnormals count.
__device__ __forceinline__ std::uint32_t multiplyPairs(std::uint32_t a, std::uint32_t b) {
  std::uint32_t product;
#if __CUDA_ARCH__ >= 900
  asm("mul.rn.bf16x2 %0, %1, %2;" : "=r"(product) : "r"(a), "r"(b));
#else  // adding −0 changes no product
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(product) : "r"(a), "r"(b), "r"(0x80008000u));
#endif
  return product;
}
/// Two floats to a pair, rounded to nearest even.
__device__ __forceinline__ std::uint32_t toPair(float low, float high) {
  std::uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
__device__ __forceinline__ float lowOf(std::uint32_t pair) { return __uint_as_float(pair << 16); }
__device__ __forceinline__ float highOf(std::uint32_t pair) { return __uint_as_float(pair & 0xffff0000u); }

__device__ __forceinline__ float sumOfLanes(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance >>= 1) value += __shfl_xor_sync(kAllLanes, value, distance);
  return value;
}
__device__ __forceinline__ std::uint32_t scanOfLanes(std::uint32_t value) {
#pragma unroll
  for (int distance = 1; distance < 32; distance <<= 1)
    asm volatile("{.reg .pred p; .reg .u32 t; shfl.sync.up.b32 t|p, %0, %1, 0, -1; @p add.u32 %0, %0, t;}"
                 : "+r"(value)
                 : "r"(distance));
  return value;
}

/// D += A · B of 16 × 8 × 16 in BF16 with FP32 sums.
__device__ __forceinline__ void multiplyTiles(float (&d)[4], std::uint32_t a0, std::uint32_t a1, std::uint32_t a2,
                                              std::uint32_t a3, std::uint32_t b0, std::uint32_t b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

/// x as the sum of BF16 parts: one (x rounded), or three (x exactly, where nothing underflows).
template <int kParts>
struct StepOfX {
  uint4 part[kParts];
};

/// The product of one row's weights with x, spread over the warp. Lane (g, t) of 8 × 4 holds eight weights and the eight x that
/// belong to them; row g of A is group g's x and column g of B is group g's weights, so that the diagonal of A · B holds eight
/// sums that together are the dot product. Rows 8 to 15 of A take a second part of x without another instruction.
template <int kParts>
struct DotProduct {
  float first[4] = {};
  float second[kParts > 1 ? 4 : 1] = {};

  __device__ __forceinline__ void add(const StepOfX<kParts>& x, const Pairs& w) {
    if constexpr (kParts == 1) {
      multiplyTiles(first, x.part[0].x, 0, x.part[0].y, 0, w.pair[0], w.pair[1]);
      multiplyTiles(first, x.part[0].z, 0, x.part[0].w, 0, w.pair[2], w.pair[3]);
    } else {
      multiplyTiles(first, x.part[0].x, x.part[1].x, x.part[0].y, x.part[1].y, w.pair[0], w.pair[1]);
      multiplyTiles(second, x.part[2].x, 0, x.part[2].y, 0, w.pair[0], w.pair[1]);
      multiplyTiles(first, x.part[0].z, x.part[1].z, x.part[0].w, x.part[1].w, w.pair[2], w.pair[3]);
      multiplyTiles(second, x.part[2].z, 0, x.part[2].w, 0, w.pair[2], w.pair[3]);
    }
  }

  /// The sum, in every lane; starts anew.
  __device__ __forceinline__ float finish(unsigned lane) {
    const unsigned g = lane >> 2, t = lane & 3;
    const bool low = g == 2 * t, high = g == 2 * t + 1;
    float sum = low ? first[0] : high ? first[1] : 0.0f;
    if constexpr (kParts > 1) {
      sum += low ? first[2] : high ? first[3] : 0.0f;
      sum += low ? second[0] : high ? second[1] : 0.0f;
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) first[i] = 0;
    if constexpr (kParts > 1) {
#pragma unroll
      for (int i = 0; i < 4; ++i) second[i] = 0;
    }
    return sumOfLanes(sum);
  }
};

/// Splits two floats: parts[p] holds both p-th parts.
template <int kParts>
__device__ __forceinline__ void splitPair(float a, float b, std::uint32_t (&parts)[kParts]) {
#pragma unroll
  for (int p = 0; p < kParts; ++p) {
    parts[p] = toPair(a, b);
    a = __fsub_rn(a, lowOf(parts[p]));
    b = __fsub_rn(b, highOf(parts[p]));
  }
}

}  // namespace deltascope::kernels::cuda
