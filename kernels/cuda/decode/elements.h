// SPDX-License-Identifier: Apache-2.0
#pragma once
/// `lowrank` and `additive`: what is done to elements one by one, and the corrections of `lowrank`, which one lane reads.
#include "kernels/cuda/decode/chunk.h"

namespace deltascope::kernels::cuda {

/// One term of an update, on the device.
struct DeviceTerm {
  std::uint64_t rank = 0;
  const float* outer = nullptr;  ///< [rows, rank]
  const float* inner = nullptr;  ///< [rank, columns]
  float scale = 1;
};

struct LowRankWork {
  Chunk chunk;
  std::uint64_t rows = 0, columns = 0;
  const DeviceTerm* terms = nullptr;
  std::uint32_t termCount = 0;
};

/// Rows that one thread does of a column, so that it reads the inner factor once for all.
inline constexpr std::uint32_t kRowsEach = 8;

DELTASCOPE_TILE float fused(float a, float b, float c) {
#if defined(__CUDACC__)
  return __fmaf_rn(a, b, c);
#else
  return __builtin_fmaf(a, b, c);
#endif
}

/// Column `column` of rows [row, row + kRowsEach), those of them that lie in the chunk. `row` < rows.
DELTASCOPE_TILE void lowRankColumn(const LowRankWork& work, const CodeTables& tables, std::uint64_t row, std::uint64_t column) {
  const DeviceBase& base = work.chunk.base;
  std::uint32_t bits[kRowsEach];
  bool inside[kRowsEach];
  const std::uint64_t end = base.first + base.count;
  DELTASCOPE_UNROLL
  for (std::uint32_t k = 0; k < kRowsEach; ++k) {
    const std::uint64_t i = (row + k) * work.columns + column;
    inside[k] = row + k < work.rows && i >= base.first && i < end;
    bits[k] = inside[k] ? loadValue(base, tables, i) : 0;
  }
  for (std::uint32_t t = 0; t < work.termCount; ++t) {
    const DeviceTerm term = work.terms[t];
    float sum[kRowsEach] = {};
    for (std::uint64_t r = 0; r < term.rank; ++r) {
      const float inner = term.inner[r * work.columns + column];
      DELTASCOPE_UNROLL
      for (std::uint32_t k = 0; k < kRowsEach; ++k) {
        const std::uint64_t outer = row + k < work.rows ? row + k : row;
        sum[k] = fused(term.outer[outer * term.rank + r], inner, sum[k]);
      }
    }
    DELTASCOPE_UNROLL
    for (std::uint32_t k = 0; k < kRowsEach; ++k)
      bits[k] = bitsOf(base.type, add(floatOf(base.type, bits[k]), multiply(term.scale, sum[k])));
  }
  DELTASCOPE_UNROLL
  for (std::uint32_t k = 0; k < kRowsEach; ++k)
    if (inside[k]) storeElement(base.type, work.chunk.into, (row + k) * work.columns + column - base.first, bits[k]);
}

/// Bits of a chunk's stream, first bit = least significant; zeros past its end.
struct BitReader {
  const std::byte* bytes = nullptr;
  std::uint64_t size = 0;  ///< of the stream in bytes
  std::uint64_t bit = 0;

  DELTASCOPE_TILE std::uint64_t window() const {
    const std::uint64_t at = bit / 32 * 4;
    const std::uint64_t two = word(at) | static_cast<std::uint64_t>(word(at + 4)) << 32;
    return two >> (bit % 32);  // 33 bits at least
  }
  DELTASCOPE_TILE std::uint32_t take(unsigned n) {  // n ≤ 32
    const auto value = static_cast<std::uint32_t>(window() & ((std::uint64_t{1} << n) - 1));
    bit += n;
    return value;
  }
  /// Zeros before the next 1, which is taken too. At most `most` + 32 zeros, or to the end.
  DELTASCOPE_TILE std::uint64_t takeUnary(std::uint64_t most) {
    for (std::uint64_t zeros = 0;;) {
      const auto next = static_cast<std::uint32_t>(window());
      if (next) {
#if defined(__CUDACC__)
        const auto run = static_cast<unsigned>(__ffs(static_cast<int>(next)) - 1);
#else
        const auto run = static_cast<unsigned>(__builtin_ctz(next));
#endif
        bit += run + 1;
        return zeros + run;
      }
      zeros += 32;
      bit += 32;
      if (zeros > most || pastEnd()) return zeros;
    }
  }
  [[nodiscard]] DELTASCOPE_TILE bool pastEnd() const { return bit > 8 * size; }

 private:
  [[nodiscard]] DELTASCOPE_TILE std::uint32_t word(std::uint64_t at) const {
    return at + 4 <= size ? loadAligned<std::uint32_t>(bytes + at) : wordAt(bytes, size, at);
  }
};

/// Of the warp that reads corrections.
struct CorrectionsShared {
  std::uint64_t position[kWarp];
  std::uint32_t x[kWarp];
  std::uint64_t next, bit;    ///< element and bit that follow the last correction
  std::uint32_t left, found;  ///< corrections
  Fault fault;
};

inline constexpr std::uint32_t kRawElements = 0xffffffffu;
inline constexpr std::uint64_t kCorrectionsHeader = 8;

/// Up to 32 corrections. One lane.
DELTASCOPE_TILE void readCorrections(CorrectionsShared& shared, const Chunk& chunk, unsigned k) {
  BitReader reader{chunk.bytes + kCorrectionsHeader, chunk.size - kCorrectionsHeader, shared.bit};
  const std::uint64_t count = chunk.base.count;
  std::uint64_t next = shared.next;
  std::uint32_t found = 0;
  Fault fault = Fault::None;
  while (found < kWarp && found < shared.left) {
    const std::uint64_t units = reader.takeUnary(count >> k);
    if (units > count >> k) {
      fault = reader.pastEnd() ? Fault::ChunkCutOff : Fault::CorrectionOutside;
      break;
    }
    const std::uint64_t gap = units << k | reader.take(k);
    const bool negative = reader.take(1);
    const std::uint64_t below = reader.takeUnary(32);
    if (below >= 8 * elementBytes(chunk.base.type)) {
      fault = reader.pastEnd() ? Fault::ChunkCutOff : Fault::CorrectionTooLarge;
      break;
    }
    const std::uint32_t distance = 1u << below | reader.take(static_cast<unsigned>(below));
    if (reader.pastEnd()) fault = Fault::ChunkCutOff;
    if (fault == Fault::None && gap >= count - next) fault = Fault::CorrectionOutside;
    if (fault != Fault::None) break;
    next += gap;
    shared.position[found] = next++;
    shared.x[found++] = negative ? 0 - distance : distance;
  }
  shared.left = fault == Fault::None ? shared.left - found : 0;
  shared.found = found;
  shared.next = next;
  shared.bit = reader.bit;
  shared.fault = fault;
}

/// The chunk over the applied elements in `into`, unless it holds the elements themselves (rawCorrections). One warp.
DELTASCOPE_TILE void correctChunk(Warp& warp, CorrectionsShared& shared, const Chunk& chunk) {
  if (chunk.size == 0) return;
  if (chunk.size < kCorrectionsHeader) return warp.fault(Fault::ChunkCutOff);
  const auto corrections = loadAligned<std::uint32_t>(chunk.bytes), k = loadAligned<std::uint32_t>(chunk.bytes + 4);
  if (corrections == kRawElements && k == 0) {
    const std::uint64_t want = chunk.base.count * elementBytes(chunk.base.type), have = chunk.size - kCorrectionsHeader;
    if (have < want)
      warp.fault(Fault::ChunkCutOff);
    else if (have - want >= 16)
      warp.fault(Fault::BytesFollow);
    return;
  }
  if (corrections == 0 || corrections > chunk.base.count) return warp.fault(Fault::TooManyEntries);
  if (k > 30) return warp.fault(Fault::UnknownForm);
  warp.first([&] {
    shared.next = shared.bit = 0;
    shared.left = corrections;
  });
  for (bool more = true; more;) {
    warp.first([&] { readCorrections(shared, chunk, k); });
    const std::uint32_t found = shared.found;
    more = shared.left != 0;
    warp.each([&](unsigned lane) {
      if (lane < found) addOrdered(chunk, shared.position[lane], shared.x[lane]);
    });
  }
  if (shared.fault != Fault::None) return warp.fault(shared.fault);
  const std::uint64_t at = kCorrectionsHeader + (shared.bit + 7) / 8;
  Warp::Lanes<bool> rest;
  warp.each([&](unsigned lane) { rest[lane] = at + lane < chunk.size && (lane >= 15 || byteAt(chunk.bytes, at + lane) != 0); });
  if (warp.any(rest)) warp.fault(Fault::BytesFollow);
}

/// Element i of a chunk that holds the elements themselves; false where it does not.
DELTASCOPE_TILE bool holdsElements(const Chunk& chunk) {
  return chunk.size >= kCorrectionsHeader && loadAligned<std::uint32_t>(chunk.bytes) == kRawElements &&
         loadAligned<std::uint32_t>(chunk.bytes + 4) == 0 &&
         (chunk.size - kCorrectionsHeader) / elementBytes(chunk.base.type) >= chunk.base.count;
}
DELTASCOPE_TILE void copyElement(const Chunk& chunk, std::uint64_t i) {
  storeElement(chunk.base.type, chunk.into, i, loadElement(chunk.base.type, chunk.bytes + kCorrectionsHeader, i));
}

/// The parts of an `additive` chunk in its device form; see kernels/decode.h.
struct AdditiveParts {
  std::uint32_t differences = 0, corrections = 0;
  const std::byte *positions = nullptr, *values = nullptr, *corrected = nullptr;
  Fault fault = Fault::None;
};
DELTASCOPE_TILE AdditiveParts readAdditive(const Chunk& chunk) {
  constexpr std::uint64_t kHeader = 16;
  AdditiveParts parts;
  parts.fault = Fault::ChunkCutOff;
  if (chunk.size < kHeader) return parts;
  const auto differences = loadAligned<std::uint32_t>(chunk.bytes), corrections = loadAligned<std::uint32_t>(chunk.bytes + 4);
  if (chunk.size - kHeader < 8ull * differences + 8ull * corrections) return parts;
  parts.fault = Fault::None;
  parts.differences = differences;
  parts.corrections = corrections;
  parts.positions = chunk.bytes + kHeader;
  parts.values = parts.positions + 4ull * differences;
  parts.corrected = parts.values + 4ull * differences;
  return parts;
}
/// Difference `n`, over values that are in `into`.
DELTASCOPE_TILE Fault addDifference(const Chunk& chunk, const AdditiveParts& parts, std::uint32_t n) {
  const auto position = loadAligned<std::uint32_t>(parts.positions + 4ull * n);
  if (position >= chunk.base.count || (n > 0 && loadAligned<std::uint32_t>(parts.positions + 4ull * (n - 1)) >= position))
    return Fault::PositionOrder;
  const ElementType type = chunk.base.type;
  const float sum = add(floatOf(type, loadElement(type, chunk.into, position)), loadAligned<float>(parts.values + 4ull * n));
  storeElement(type, chunk.into, position, bitsOf(type, sum));
  return Fault::None;
}
DELTASCOPE_TILE Fault correctElement(const Chunk& chunk, const AdditiveParts& parts, std::uint32_t n) {
  const auto position = loadAligned<std::uint32_t>(parts.corrected + 8ull * n);
  const auto bits = loadAligned<std::uint32_t>(parts.corrected + 8ull * n + 4);
  if (position >= chunk.base.count || (n > 0 && loadAligned<std::uint32_t>(parts.corrected + 8ull * (n - 1)) >= position))
    return Fault::CorrectionOutside;
  if (chunk.base.type != ElementType::F32 && bits > 0xffffu) return Fault::CorrectionTooLarge;
  storeElement(chunk.base.type, chunk.into, position, bits);
  return Fault::None;
}

}  // namespace deltascope::kernels::cuda
