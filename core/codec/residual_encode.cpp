// SPDX-License-Identifier: Apache-2.0
#include "core/codec/residual_encode.h"

#include <algorithm>
#include <cstring>

namespace deltascope::residual {
namespace {

using kernels::AnchorKind;
using kernels::kLanes;
using kernels::kStep;

/// MSB-first bits into little-endian words.
class BitWriter {
 public:
  explicit BitWriter(std::uint32_t* words) : m_next(words) {}
  void put(std::uint32_t bits, std::uint32_t length) {
    m_pending = m_pending << length | bits;
    m_filled += length;
    if (m_filled >= 32) {
      m_filled -= 32;
      *m_next++ = static_cast<std::uint32_t>(m_pending >> m_filled);
    }
  }
  /// Pads with zeros; returns the end.
  std::uint32_t* flush() {
    if (m_filled) *m_next++ = static_cast<std::uint32_t>(m_pending << (32 - m_filled));
    m_filled = 0;
    return m_next;
  }

 private:
  std::uint32_t* m_next;
  std::uint64_t m_pending = 0;
  std::uint32_t m_filled = 0;
};

/// Differences of quantized bases are taken on pairs: when an even weight decodes to another x than its own (it is patched),
/// the carry into its neighbour may change.
void replaceX(AnchorKind kind, Tile& tile, std::size_t i, std::uint16_t x) {
  if (i % 2 == 0 && kind != AnchorKind::Ordered && kind != AnchorKind::Zero) {
    const std::uint32_t before = (tile.anchors[i] + std::uint32_t{tile.x[i]}) >> 16;
    const std::uint32_t after = (tile.anchors[i] + std::uint32_t{x}) >> 16;
    tile.x[i + 1] = static_cast<std::uint16_t>(tile.x[i + 1] + before - after);
  }
  tile.x[i] = x;
}

}  // namespace

/// Writes all lanes; returns the words so far, header included. Lanes are padded to `floor` plus a multiple of 2^unit bits. A
/// second run finds the patched weights already replaced.
std::size_t TileEncoder::writeLanes(const PrefixModel& model, Tile& tile, std::uint32_t unit, std::uint32_t* lengths,
                                    std::uint32_t floor) {
  BitWriter writer(m_words + kPrefixHeaderWords);
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    std::uint32_t bits = 0;
    for (std::size_t at = lane * 8; at < tile.padded; at += kStep) {
      for (std::size_t i = at; i < at + 8; ++i) {
        std::uint32_t word = model.codeword(tile.contexts[i], tile.x[i]);
        if (word == 0) [[unlikely]] {
          const auto filler = model.filler(tile.contexts[i]);
          if (i < tile.count) patch(tile, i);
          replaceX(model.head.rule.kind, tile, i, filler.x);
          word = filler.codeword;
        }
        writer.put(word >> 8, word & 255);
        bits += word & 255;
      }
    }
    if (unit > 0) {
      const std::uint32_t padding = (floor - bits) & ((1u << unit) - 1);
      writer.put(0, padding);
      bits += padding;
    }
    lengths[lane] = bits;
  }
  return static_cast<std::size_t>(writer.flush() - m_words);
}

std::span<const std::uint32_t> TileEncoder::finish(std::size_t words) {
  std::memcpy(m_words + words, m_exceptions, m_patches * sizeof *m_exceptions);
  return {m_words, words + m_patches};
}

std::span<const std::uint32_t> TileEncoder::encode(const PrefixModel& model, Tile& tile) {
  m_patches = 0;
  std::uint32_t lengths[kLanes];
  std::size_t words = writeLanes(model, tile, 0, lengths);
  auto [shortest, longest] = std::minmax_element(lengths, lengths + kLanes);
  std::uint32_t unit = 0;
  while (*longest - *shortest > 255u << unit) ++unit;
  if (unit > 0) {  // lanes far apart: lengths in coarser units, lanes padded to them
    const std::uint32_t floor = *shortest;
    words = writeLanes(model, tile, unit, lengths, floor);
    shortest = std::min_element(lengths, lengths + kLanes);
  }
  m_words[0] = *shortest | unit << kUnitShift | static_cast<std::uint32_t>(m_patches) << 16;
  for (std::size_t w = 0; w < 8; ++w) {
    m_words[1 + w] = 0;
    for (std::size_t k = 0; k < 4; ++k) m_words[1 + w] |= (lengths[4 * w + k] - *shortest) >> unit << (8 * k);
  }
  return finish(words);
}

std::span<const std::uint32_t> TileEncoder::encode(const FieldModel& model, Tile& tile) {
  m_patches = 0;
  BitWriter writer(m_words + 1);
  const auto& table = model.table;
  for (std::size_t i = 0; i < tile.padded; ++i) {
    const std::size_t c = tile.contexts[i];
    const std::uint32_t width = table.width[c];
    const auto d = static_cast<std::uint16_t>(tile.x[i] - table.offset[c]);
    std::uint32_t field = d;
    bool fits = d >> width == 0;
    if (table.isSigned[c]) {
      const std::uint32_t magnitude = d & 0x7fffu;
      fits = magnitude >> (width - 1) == 0;
      field = static_cast<std::uint32_t>(d >> 15) << (width - 1) | magnitude;
    }
    if (!fits) [[unlikely]] {
      if (i < tile.count) patch(tile, i);
      replaceX(model.head.rule.kind, tile, i, table.offset[c]);
      field = 0;
    }
    writer.put(field, width);
  }
  const auto words = static_cast<std::size_t>(writer.flush() - m_words);
  m_words[0] = static_cast<std::uint32_t>(words - 1) | static_cast<std::uint32_t>(m_patches) << 16;
  return finish(words);
}

}  // namespace deltascope::residual
