// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What there is to say of a codec beside how it codes: one row each, in traits.cpp.
#include <array>

#include "core/codec/codec.h"
#include "kernels/decode.h"

namespace deltascope {

struct CodecTraits {
  CodecId id;
  std::string_view name;   ///< in payloads, on the command line, in tables: nameOf()
  std::string_view label;  ///< what is stored, for users
  unsigned speedRank;      ///< of reconstruction; 0 is the fastest
  kernels::ChunkCode device;
  /// Which chunks the host inflates for a device: none, those of FP32 finals, all.
  enum class Inflated : std::uint8_t { Never, WideFinals, Always } inflated;
  /// What a tensor's model takes on the host beside its chunks, of a tensor of so many stored bytes; models of a few kilobytes
  /// are not counted.
  std::uint64_t (*modelBytes)(std::uint64_t storedBytes);
  /// At most, of a decoder on a device: code tables, FP32 factors, scratch for the largest chunk.
  std::uint64_t (*decoderBytes)(std::uint64_t storedBytes, std::uint64_t largestChunkElements);
};
[[nodiscard]] const CodecTraits& traitsOf(CodecId codec);

/// Those that may be asked for when packing, in the order in which they are offered.
inline constexpr std::array kOfferedCodecs{CodecId::Entropy, CodecId::Bitpack, CodecId::Zstd,
                                           CodecId::Sparse,  CodecId::LowRank, CodecId::Additive};

}  // namespace deltascope
