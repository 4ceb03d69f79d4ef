// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The 32 lanes that decode a tile, on the device, or one after another on the processor: the same code runs in both places,
/// so that tests without a GPU execute what a GPU does.
///
/// Code over tiles is written in phases: every lane finishes one before any begins the next. Between phases lanes talk through
/// shared memory or the functions here; everything outside a phase has the same value in all lanes.
#include <cstddef>
#include <cstdint>

#include "kernels/cuda/decode/errors.h"

#if defined(__CUDACC__)
#define DELTASCOPE_TILE __device__ __forceinline__
#define DELTASCOPE_UNROLL _Pragma("unroll")
#else
#define DELTASCOPE_TILE inline
#define DELTASCOPE_UNROLL
#endif

namespace deltascope::kernels::cuda {

inline constexpr unsigned kWarp = 32;

#if defined(__CUDACC__)
class Warp {
 public:
  /// A value of each lane.
  template <class T>
  class Lanes {
   public:
    __device__ __forceinline__ T& operator[](unsigned) { return m_value; }

   private:
    T m_value{};
  };

  __device__ __forceinline__ Warp(unsigned long long* error, std::uint32_t number)
      : m_error(error), m_number(number), m_lane(threadIdx.x % kWarp) {}

  /// One phase.
  template <class F>
  __device__ __forceinline__ void each(F&& phase) {
    phase(m_lane);
    __syncwarp();
  }
  /// A phase of the first lane.
  template <class F>
  __device__ __forceinline__ void first(F&& phase) {
    if (m_lane == 0) phase();
    __syncwarp();
  }
  /// Each value becomes the sum of those of the lanes before it; returns the sum of all.
  __device__ __forceinline__ std::uint32_t sumBefore(Lanes<std::uint32_t>& values) {
    const std::uint32_t own = values[0];
    std::uint32_t sum = own;
    for (unsigned step = 1; step < kWarp; step *= 2) {
      const std::uint32_t other = __shfl_up_sync(0xffffffffu, sum, step);
      if (m_lane >= step) sum += other;
    }
    values[0] = sum - own;
    return __shfl_sync(0xffffffffu, sum, kWarp - 1);
  }
  __device__ __forceinline__ bool any(Lanes<bool>& values) { return __any_sync(0xffffffffu, values[0]); }
  /// Reports, once for all lanes.
  __device__ __forceinline__ void fault(Fault what) {
    if (m_lane == 0) atomicMin(m_error, errorWord(m_number, what));
  }

 private:
  unsigned long long* m_error;
  std::uint32_t m_number;
  unsigned m_lane;
};
#else
class Warp {
 public:
  template <class T>
  class Lanes {
   public:
    T& operator[](unsigned lane) { return m_values[lane]; }

   private:
    T m_values[kWarp]{};
  };

  Warp(unsigned long long* error, std::uint32_t number) : m_error(error), m_number(number) {}

  template <class F>
  void each(F&& phase) {
    for (unsigned lane = 0; lane < kWarp; ++lane) phase(lane);
  }
  template <class F>
  void first(F&& phase) {
    phase();
  }
  std::uint32_t sumBefore(Lanes<std::uint32_t>& values) {
    std::uint32_t sum = 0;
    for (unsigned lane = 0; lane < kWarp; ++lane) {
      const std::uint32_t own = values[lane];
      values[lane] = sum;
      sum += own;
    }
    return sum;
  }
  bool any(Lanes<bool>& values) {
    for (unsigned lane = 0; lane < kWarp; ++lane)
      if (values[lane]) return true;
    return false;
  }
  void fault(Fault what) {
    const auto word = errorWord(m_number, what);
    if (word < *m_error) *m_error = word;
  }

 private:
  unsigned long long* m_error;
  std::uint32_t m_number;
};
#endif

/// Memory is little-endian; `from` is aligned to the type.
template <class T>
DELTASCOPE_TILE T loadAligned(const void* from) {
#if defined(__CUDACC__)
  return *static_cast<const T*>(from);
#else
  T value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
#endif
}
template <class T>
DELTASCOPE_TILE void storeAligned(void* to, T value) {
#if defined(__CUDACC__)
  *static_cast<T*>(to) = value;
#else
  __builtin_memcpy(to, &value, sizeof value);
#endif
}
/// Sixteen bytes.
DELTASCOPE_TILE void storeFour(void* to, const std::uint32_t (&four)[4]) {
#if defined(__CUDACC__)
  *static_cast<uint4*>(to) = make_uint4(four[0], four[1], four[2], four[3]);
#else
  __builtin_memcpy(to, four, sizeof four);
#endif
}
DELTASCOPE_TILE void loadFour(const void* from, std::uint32_t (&four)[4]) {
#if defined(__CUDACC__)
  const uint4 value = *static_cast<const uint4*>(from);
  four[0] = value.x, four[1] = value.y, four[2] = value.z, four[3] = value.w;
#else
  __builtin_memcpy(four, from, sizeof four);
#endif
}
DELTASCOPE_TILE std::uint32_t byteAt(const std::byte* bytes, std::uint64_t at) { return static_cast<std::uint32_t>(bytes[at]); }
/// A little-endian word from any address; bytes from `size` on read as zero.
DELTASCOPE_TILE std::uint32_t wordAt(const std::byte* bytes, std::uint64_t size, std::uint64_t at) {
  std::uint32_t word = 0;
  DELTASCOPE_UNROLL
  for (unsigned k = 0; k < 4; ++k)
    if (at + k < size) word |= byteAt(bytes, at + k) << 8 * k;
  return word;
}

/// One rounding each, whatever the compiler would fuse.
DELTASCOPE_TILE float multiply(float a, float b) {
#if defined(__CUDACC__)
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}
DELTASCOPE_TILE float add(float a, float b) {
#if defined(__CUDACC__)
  return __fadd_rn(a, b);
#else
  return a + b;
#endif
}
DELTASCOPE_TILE float divide(float a, float b) {
#if defined(__CUDACC__)
  return __fdiv_rn(a, b);
#else
  return a / b;
#endif
}

}  // namespace deltascope::kernels::cuda
