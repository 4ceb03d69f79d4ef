// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Residual tiles: plain descriptions, and their decoders on the processor.
///
/// A tile is 4,096 weights (the last of a tensor may be short), coded in 16 steps of 256; in a step, lane l of 32 owns weights
/// l·8 … l·8+7. Weight i has an *anchor* (a 16-bit pattern) and a *context*, which follow from the base alone, and a stored
/// 16-bit difference x(i). Bits are MSB-first in little-endian 32-bit words. Byte layouts: core/payload/FORMAT.md.
///
/// All functions are pure and thread-safe, give the same bits for every Isa, and take buffers of exactly the stated size. Tiles
/// are padded to whole steps: `padded = roundUp(count, kStep)` entries are written, with anchor 0, context 0 and x = 0 past
/// `count`.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/blocks.h"
#include "kernels/element_type.h"
#include "kernels/scaled.h"

namespace deltascope::kernels {

enum class Isa : std::uint8_t;

inline constexpr std::size_t kTile = 4096;  ///< weights a tile: one GPU warp
inline constexpr std::size_t kStep = 256;   ///< weights a step: 32 lanes × 8
inline constexpr std::size_t kLanes = 32;
inline constexpr std::size_t kMaxContexts = 64;
inline constexpr std::size_t kMaxPrefixBits = 8;
inline constexpr std::size_t kRawTileBytes = 2 * kTile;
/// Words a tile's bits can take at most (16 bits a weight), and what decoders may read past a tile's end in their staging copy.
inline constexpr std::size_t kMaxTileWords = kTile / 2;
inline constexpr std::size_t kStagingWords = kMaxTileWords + 16 + 80;

/// Where anchors come from.
enum class AnchorKind : std::uint8_t {
  Zero,     ///< no base, or 32-bit values whose upper half is coded: anchor 0
  Ordered,  ///< a parent of the same type: its value as an ordered integer
  Nibble,   ///< NF4 or FP4: round(lo[code] · half(absmax)) in the final's 16-bit type
  Int8,     ///< LLM.int8: ±round((|q| − ½) · scale), FP32 product; q = 0: round(scale · 0.5/256)
  Blocks,   ///< blocks of `blocks`: ±round(max(|value| − ½ step, step / 512)) in FP32 (blocks.h: blockAnchors)
  Scaled,   ///< codes of `scaled` with scales apart: the edge nearer zero times the scale (scaled.h: scaledAnchors)
};
/// How a tile's anchors and contexts follow from the base.
struct AnchorRule {
  AnchorKind kind = AnchorKind::Zero;
  ElementType half = ElementType::BF16;  ///< 16 bits, of anchors: the final's, BF16 for FP32 finals, whose upper half is coded
  std::array<std::uint16_t, 16> lo{};    ///< Nibble: factor of the bin's edge nearer zero, by code, as `half`
  unsigned mantissaBits = 0;            ///< Nibble: top mantissa bits of the FP32 absmax in the context, above the code (0…2)
  BlockType blocks = BlockType::Q8_0;   ///< Blocks
  ScaledType scaled = ScaledType::Fp8;  ///< Scaled
  unsigned topExponent = 0;  ///< Ordered, Zero with values: context = clamp(topExponent − exponent(base value), 0, 15)

  [[nodiscard]] constexpr std::size_t contexts() const {
    if (kind == AnchorKind::Nibble) return std::size_t{16} << mantissaBits;
    if (kind == AnchorKind::Blocks) return kBlockContexts;
    if (kind == AnchorKind::Scaled) return kScaledContexts;
    return kind == AnchorKind::Int8 ? 40 : 16;
  }
};

/// The base's side of one tile. `count` ≤ kTile.
struct TileBase {
  const std::uint8_t* codes = nullptr;  ///< Nibble: ceil(count/2) bytes, even weight in the high nibble; Int8: count bytes;
                                        ///< Blocks, Scaled: those of the tile
  const float* scales =
      nullptr;              ///< Nibble: absmax of each block; Int8: scale/127-to-be of each row touched; Scaled: parameters
  std::size_t group = 64;   ///< Nibble: blocksize (a power of two, 16…4096); Int8: columns; Scaled: as in ScaledRun
  std::size_t column = 0;   ///< Int8: column of the first weight; Scaled: as in ScaledRun
  std::size_t columns = 0;  ///< Scaled: as in ScaledRun
  const std::uint16_t* values16 = nullptr;  ///< Ordered: the parent's bits
  const std::uint32_t* values32 = nullptr;  ///< Zero: optional FP32 parent bits, for contexts
  std::size_t count = 0;
};

/// False where anchors would leave the range in which every device rounds alike; such a tile is stored raw. A usable scale is
/// +0 or within [2^-100, 2^100]; those in blocks, where smaller numbers do not occur, only have to be finite.
[[nodiscard]] bool scalesUsable(const AnchorRule& rule, const TileBase& base);

/// `anchors`, `contexts`: padded entries each.
void anchorsAndContexts(const AnchorRule& rule, const TileBase& base, std::uint16_t* anchors, std::uint8_t* contexts, Isa isa);

/// x = final − anchor and back. All but Ordered and Zero work on pairs as 32-bit integers (weights 2j and 2j+1, a carry passes
/// from even to odd); Ordered maps the final to its ordered integer and works on each weight; Zero copies. `n` is even.
void toDifferences(AnchorKind kind, const std::uint16_t* anchors, const std::uint16_t* final, std::uint16_t* x, std::size_t n,
                   Isa isa);
void fromDifferences(AnchorKind kind, const std::uint16_t* anchors, const std::uint16_t* x, std::uint16_t* final, std::size_t n,
                     Isa isa);

/// The prefix code: for each context 2^prefixBits entries, indexed by the next prefixBits bits. Entry = offset << 16 | (32 −
/// length); x = (next `length` bits + offset) mod 2^16, 1 ≤ length ≤ 16.
struct PrefixTable {
  unsigned prefixBits = 4;
  std::vector<std::uint32_t> entries;  ///< contexts << prefixBits
};

/// Fixed fields: per context a width (1…16), an offset to add, and whether the top bit of the field is the sign (moved to bit
/// 15).
struct FieldTable {
  std::array<std::uint8_t, kMaxContexts> width{};
  std::array<std::uint8_t, kMaxContexts> isSigned{};
  std::array<std::uint16_t, kMaxContexts> offset{};
};

/// `words`: kStagingWords words holding lane streams from bit 0; `start[lane]` < 32 · kMaxTileWords: bit position of each lane.
/// Decodes steps · 256 values. Untrusted words: reads stay inside kStagingWords.
void decodePrefixTile(const PrefixTable& table, const std::uint8_t* contexts, const std::uint32_t* words,
                      const std::uint32_t* start, std::size_t steps, std::uint16_t* x, Isa isa);
/// Fields in weight order from bit 0 of `words` (kStagingWords words).
void decodeFieldTile(const FieldTable& table, const std::uint8_t* contexts, const std::uint32_t* words, std::size_t steps,
                     std::uint16_t* x, Isa isa);

/// A whole tile over a four-bit base at once, to the finals before patches (2 · kTile bytes): what anchorsAndContexts,
/// decodeFieldTile and fromDifferences give, without what lies between. False, and nothing written, where there is no such way
/// for this instruction set, rule, table or tile. Scales are usable. `words`: kStagingWords words, at any address.
[[nodiscard]] bool decodeNibbleFieldTile(const AnchorRule& rule, const FieldTable& table, const TileBase& base,
                                         const std::byte* words, std::byte* final, Isa isa);

/// A prefix code of four bits over a four-bit base, as its fused decoder reads it; made once a model.
struct NibbleCode {
  /// Of one value of the absmax bits, by code << 4 | prefix, or by code with prefix p at bits 4p.
  struct alignas(64) Class {
    std::array<std::uint64_t, 16> lengths{};      ///< of codewords, less one
    std::array<std::uint8_t, 256> shift{};        ///< 16 − length
    std::array<std::uint8_t, 256> low{}, high{};  ///< bytes of the offset
  };
  std::array<Class, 4> classes{};
  unsigned longest = 0;  ///< codeword in bits; 0 for tables of another kind
};
[[nodiscard]] NibbleCode nibbleCode(const PrefixTable& table);
/// As decodeNibbleFieldTile, for prefix codes. `stream`: the lanes' bits, at most 4 · kMaxTileWords bytes, read no further;
/// `scratch`: kStagingWords words of any content.
[[nodiscard]] bool decodeNibblePrefixTile(const AnchorRule& rule, const NibbleCode& code, const TileBase& base,
                                          std::span<const std::byte> stream, const std::uint32_t* start, std::byte* scratch,
                                          std::byte* final, Isa isa);

/// Undoes a stable sort by context: x[i] = sorted[next[contexts[i]]++]. `next`: kMaxContexts positions, each run holding as
/// many values as contexts ask for; `sorted` is readable for 32 values past its last run.
void gatherRuns(const std::uint8_t* contexts, const std::uint16_t* sorted, std::size_t* next, std::size_t used,
                std::uint16_t* x, std::size_t n, Isa isa);

}  // namespace deltascope::kernels
