// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Decoding on a device: chunks of any codec over any base, to the bits that core/codec gives. Byte layouts:
/// core/payload/FORMAT.md.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/ops/matrix.h"
#include "kernels/residual.h"

namespace deltascope::kernels {

/// The base's side of elements [first, first + count) of one tensor; pointers are the device's, aligned to 16 bytes.
struct DeviceBase {
  enum class Kind : std::uint8_t { None, Same, FourBit, Int8 };
  Kind kind = Kind::None;
  ElementType type = ElementType::BF16;  ///< of the final
  const void* values = nullptr;          ///< Same: the tensor's elements, of `type`
  const std::uint8_t* codes = nullptr;   ///< FourBit: even element in the high nibble; Int8: two's complement
  const float* scales = nullptr;         ///< FourBit: absmax of each block; Int8: SCB of each row
  std::uint64_t group = 64;              ///< FourBit: blocksize; Int8: columns
  std::array<float, 16> book{};          ///< FourBit: the sixteen values
  std::uint64_t first = 0, count = 0;    ///< first is a multiple of kTile
  /// Element of the tensor that the pointers begin with, a multiple of kTile; scales begin with that element's.
  std::uint64_t start = 0;
};

/// What a codec's chunks share, on the device. Made once a model by GpuOps::makeDecoder; immutable.
class Decoder {
 public:
  virtual ~Decoder() = default;
};

/// How chunks are stored: a codec of core/codec, seen from a device.
enum class ChunkCode : std::uint8_t { Identical, Raw, Sparse, Prefix, Fields, Planes, LowRank, Additive };

/// The sparse code: for each of 16 classes an entry for every 10 bits that can come next.
struct SparseTable {
  static constexpr std::size_t kClasses = 16, kCodeBits = 10;
  /// Bits of an entry: 0–5 all bits consumed, 6–9 of them the codeword, 10–13 the gap's low bits, 14–19 the value's low bits,
  /// 20–21 the magnitude above those, 22 the sign, 23–25 the gap's high part in units, 26 the element is used up.
  std::span<const std::uint32_t> entries;     ///< kClasses << kCodeBits
  std::array<std::uint8_t, kClasses> unit{};  ///< log2, at most 10
  unsigned top = 0;                           ///< class = clamp(top − exponent, 0, 15)
};

/// Terms that are added to the base one after another.
struct LowRankUpdate {
  struct Term {
    std::uint64_t rank = 0;
    float scale = 1;
    std::span<const float> outer;  ///< [rows, rank]
    std::span<const float> inner;  ///< [rank, columns]
  };
  std::uint64_t rows = 0, columns = 0;
  std::vector<Term> terms;
};

/// A codec's model: the part that belongs to `code`; the others are not read.
struct DecoderArgs {
  ChunkCode code = ChunkCode::Raw;
  DeviceBase::Kind base = DeviceBase::Kind::None;
  ElementType type = ElementType::BF16;
  std::uint64_t largest = 0;               ///< elements of the largest chunk
  AnchorRule rule;                         ///< Prefix, Fields, Planes
  const PrefixTable* prefix = nullptr;     ///< Prefix
  const FieldTable* fields = nullptr;      ///< Fields
  const SparseTable* sparse = nullptr;     ///< Sparse
  const LowRankUpdate* lowRank = nullptr;  ///< LowRank
};

/// Rebuilds base.count elements of `base.type` into `into`: one chunk. Its bytes are as stored, but for frames of zstd, which
/// the host has inflated: a byte plane is stored as it is or all zero (mode 1 or 0), and an Additive chunk is
///     u32 differences, u32 corrections, u64 0
///     for each difference u32 position in the chunk, then for each f32 difference
///     for each correction u32 position, u32 bits
/// Untrusted: whatever they hold, nothing outside `chunk` and the base is read, and nothing outside `into` is written. Bytes
/// past the chunk's end are allowed where its parts say where they end (Prefix, Fields, Planes, Additive).
struct DecodeArgs {
  const Decoder* decoder = nullptr;
  DeviceBase base;
  const std::byte* chunk = nullptr;  ///< the device's, aligned to 16
  std::uint64_t chunkBytes = 0;
  void* into = nullptr;      ///< the device's, aligned to 16
  std::uint32_t number = 0;  ///< of the chunk, for messages
};

}  // namespace deltascope::kernels
