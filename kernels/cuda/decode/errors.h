// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a decoder can find wrong with a chunk, as one word that kernels report by an atomic minimum: number << 32 | fault.
#include <cstdint>

namespace deltascope::kernels::cuda {

enum class Fault : std::uint32_t {
  None,
  ChunkCutOff,
  TableOrder,
  TileSize,
  LanesPastTile,
  PatchesPastTile,
  PatchOutside,
  RawTileCutOff,
  LowPlane,
  UnknownForm,
  ChangeOutside,
  TileTooLarge,
  BytesFollow,
  TooManyEntries,
  CorrectionOutside,
  CorrectionTooLarge,
  PositionOrder,
};

inline constexpr unsigned long long kNoError = ~0ull;
[[nodiscard]] constexpr unsigned long long errorWord(std::uint32_t number, Fault fault) {
  return static_cast<unsigned long long>(number) << 32 | static_cast<std::uint32_t>(fault);
}
[[nodiscard]] constexpr std::uint32_t chunkOf(unsigned long long word) { return static_cast<std::uint32_t>(word >> 32); }
[[nodiscard]] constexpr std::uint32_t codeOf(unsigned long long word) { return static_cast<std::uint32_t>(word); }

/// "lanes run past the tile".
[[nodiscard]] constexpr const char* words(std::uint32_t code) {
  switch (static_cast<Fault>(code)) {
    case Fault::None:
      return "nothing is wrong";
    case Fault::ChunkCutOff:
      return "the chunk is cut off";
    case Fault::TableOrder:
      return "tile offsets are not ascending inside the chunk";
    case Fault::TileSize:
      return "a tile of an impossible size";
    case Fault::LanesPastTile:
      return "lanes run past the tile";
    case Fault::PatchesPastTile:
      return "patches run past the tile";
    case Fault::PatchOutside:
      return "a patch lies outside the tile";
    case Fault::RawTileCutOff:
      return "a raw tile is cut off";
    case Fault::LowPlane:
      return "a byte plane has an unknown mode or the wrong size";
    case Fault::UnknownForm:
      return "unknown form of chunk";
    case Fault::ChangeOutside:
      return "a change lies outside its class";
    case Fault::TileTooLarge:
      return "a tile is larger than its elements";
    case Fault::BytesFollow:
      return "bytes follow the last entry";
    case Fault::TooManyEntries:
      return "more entries than elements, or none";
    case Fault::CorrectionOutside:
      return "a correction lies outside the chunk";
    case Fault::CorrectionTooLarge:
      return "a correction is too large";
    case Fault::PositionOrder:
      return "positions are not ascending inside the chunk";
  }
  return "the data are damaged";
}

}  // namespace deltascope::kernels::cuda
