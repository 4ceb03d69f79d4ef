// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Where a product's weights come from: the same eight BF16 weights a lane and step, whatever the form.
///
/// A linear source is read in units of eight steps (2,048 weights); a tile source, tile by tile. `step` counts steps of 256
/// weights over the whole matrix.
#include "kernels/cuda/tile_reader.cuh"

namespace deltascope::kernels::cuda {

inline constexpr unsigned kUnitSteps = 8;
inline constexpr std::uint32_t kUnitWeights = kUnitSteps * kStepWeights;

/// BF16 as they are.
struct DenseSource {
  const uint4* weights;

  static constexpr std::uint32_t kTableBytes = 0;
  __device__ void loadTable(std::uint32_t*, unsigned) const {}
  struct Unit {
    uint4 words[kUnitSteps];
  };
  __device__ __forceinline__ Unit load(std::uint32_t step, unsigned steps, unsigned lane) const {
    Unit unit;
#pragma unroll
    for (unsigned s = 0; s < kUnitSteps; ++s)
      if (s < steps) unit.words[s] = loadOnce(weights + std::size_t{step + s} * kWarp + lane);
    return unit;
  }
  template <unsigned s>
  __device__ __forceinline__ Pairs weightsOf(Unit& unit, const std::uint8_t*, unsigned, unsigned) const {
    return {{unit.words[s].x, unit.words[s].y, unit.words[s].z, unit.words[s].w}};
  }
};

/// What four-bit forms share: codes, and the absmax of each group.
struct FourBit {
  const std::uint32_t* codes;
  const std::uint32_t* absmax;  ///< FP32 bits
  unsigned groupShift;

  [[nodiscard]] __device__ __forceinline__ std::uint32_t codesAt(std::uint32_t step, unsigned lane) const {
    return loadOnce(codes + std::size_t{step} * kWarp + lane);
  }
  [[nodiscard]] __device__ __forceinline__ std::uint32_t absmaxAt(std::uint32_t step, unsigned lane) const {
    return __ldg(absmax + ((std::size_t{step} * kStepWeights + lane * 8) >> groupShift));
  }
};

/// The base alone: round(values[code] · absmax).
struct BaseSource {
  FourBit base;
  float values[16];

  static constexpr std::uint32_t kTableBytes = 2048;  ///< both values of a byte of codes
  __device__ void loadTable(std::uint32_t* shared, unsigned threads) const {
    for (unsigned i = threadIdx.x; i < 256; i += threads) {
      shared[2 * i] = __float_as_uint(values[i >> 4]);
      shared[2 * i + 1] = __float_as_uint(values[i & 15]);
    }
  }
  struct Unit {
    std::uint32_t codes[kUnitSteps], absmax[kUnitSteps];
  };
  __device__ __forceinline__ Unit load(std::uint32_t step, unsigned steps, unsigned lane) const {
    Unit unit;
#pragma unroll
    for (unsigned s = 0; s < kUnitSteps; ++s)
      if (s < steps) {
        unit.codes[s] = base.codesAt(step + s, lane);
        unit.absmax[s] = base.absmaxAt(step + s, lane);
      }
    return unit;
  }
  template <unsigned s>
  __device__ __forceinline__ Pairs weightsOf(Unit& unit, const std::uint8_t* table, unsigned, unsigned) const {
    Pairs w;
    const float scale = __uint_as_float(unit.absmax[s]);
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const std::uint32_t at = (k == 0 ? unit.codes[s] << 3 : unit.codes[s] >> (8 * k - 3)) & 0x7f8;
      const float2 value = *reinterpret_cast<const float2*>(table + at);
      w.pair[k] = toPair(__fmul_rn(value.x, scale), __fmul_rn(value.y, scale));
    }
    return w;
  }
};

/// The resident form: the low byte of each difference, three more bits for weights of the zero bin (code 7) in one word a lane
/// and unit, and patches. Made from the stored forms (bytes.cu).
struct ByteSource {
  FourBit base;
  const uint2* bytes;
  const std::uint32_t* extras;      ///< [units, 32]
  const std::uint32_t* patchBegin;  ///< [units + 1]
  const std::uint32_t* patches;
  std::uint32_t lo[16];  ///< anchors' factors

  static constexpr std::uint32_t kTableBytes = 1024;  ///< both factors of a byte of codes
  __device__ void loadTable(std::uint32_t* shared, unsigned threads) const {
    for (unsigned i = threadIdx.x; i < 256; i += threads) shared[i] = lo[i >> 4] | lo[i & 15] << 16;
  }
  struct Unit {
    std::uint32_t codes[kUnitSteps], absmax[kUnitSteps];
    uint2 bytes[kUnitSteps];
    std::uint32_t extras;
    GlobalPatches patches;
  };
  __device__ __forceinline__ Unit load(std::uint32_t step, unsigned steps, unsigned lane) const {
    Unit unit;
    const std::uint32_t number = step / kUnitSteps;
#pragma unroll
    for (unsigned s = 0; s < kUnitSteps; ++s)
      if (s < steps) {
        unit.codes[s] = base.codesAt(step + s, lane);
        unit.bytes[s] = loadOnce(bytes + std::size_t{step + s} * kWarp + lane);
        unit.absmax[s] = base.absmaxAt(step + s, lane);
      }
    unit.extras = loadOnce(extras + std::size_t{number} * kWarp + lane);
    const std::uint32_t begin = __ldg(patchBegin + number);
    unit.patches.read.words = patches + begin;
    unit.patches.hold(__ldg(patchBegin + number + 1) - begin, lane);
    return unit;
  }
  template <unsigned s>
  __device__ __forceinline__ Pairs weightsOf(Unit& unit, const std::uint8_t* table, unsigned lane, unsigned firstStep) const {
    const std::uint32_t codes = unit.codes[s], absmaxPair = __byte_perm(unit.absmax[s], 0, 0x3232);
    std::uint32_t even, odd;
    spread(codes, unit.extras, even, odd);
    Pairs w;
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const std::uint32_t at = (k == 0 ? codes << 2 : codes >> (8 * k - 2)) & 0x3fc;
      const std::uint32_t high = __byte_perm(even, odd, static_cast<unsigned>(k << 4 | (4 + k) << 12));
      const std::uint32_t low = k < 2 ? unit.bytes[s].x : unit.bytes[s].y;
      // Low bytes of both weights from the data, high bytes from the extras.
      const std::uint32_t x = __byte_perm(low, high, k & 1 ? 0x7352u : 0x7150u);
      w.pair[k] = multiplyPairs(tableAt(table, at), absmaxPair) + x;
    }
    unit.patches.apply(firstStep + s, lane, w);
    return w;
  }

  /// Takes three bits for each zero-bin code, the highest nibble first, to bytes that hold what belongs above a difference's
  /// low byte: bits 8 and 9, and the sign in bit 15.
  __device__ __forceinline__ static void spread(std::uint32_t codes, std::uint32_t& extras, std::uint32_t& even,
                                                std::uint32_t& odd) {
    const std::uint32_t t = codes ^ 0x77777777u;
    std::uint32_t zeros = ~(((t & 0x77777777u) + 0x77777777u) | t) & 0x88888888u, taken = 0;
    while (zeros != 0) {
      std::uint32_t top;
      asm("bfind.u32 %0, %1;" : "=r"(top) : "r"(zeros));
      taken |= (extras & 7) << (top - 3);
      extras >>= 3;
      zeros ^= 1u << top;
    }
    const std::uint32_t upper = taken >> 4;
    even = (upper & 0x03030303u) | (upper & 0x04040404u) << 5;
    odd = (taken & 0x03030303u) | (taken & 0x04040404u) << 5;
  }
};

/// The stored forms.
template <class TileReader>
struct TileSource {
  using Reader = TileReader;
  FourBit base;
  const std::byte* stream;
  const std::uint32_t* offsets;
  const TileTable* constants;

  static constexpr std::uint32_t kTableBytes = Reader::kTableBytes;
  __device__ void loadTable(std::uint32_t* shared, unsigned threads) const { Reader::loadTable(shared, constants, threads); }
};

}  // namespace deltascope::kernels::cuda
