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

/// The base's side of elements [first, first + count) of one tensor; pointers are the device's, and those of the whole tensor.
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
};

/// What a codec's chunks share, on the device. Made once a model by Backend::makeDecoder; immutable.
class Decoder {
 public:
  virtual ~Decoder() = default;
};

/// How chunks are stored: a codec of core/codec, seen from a device.
enum class ChunkCode : std::uint8_t { Raw, Sparse, Prefix, Fields, Planes, LowRank, Additive };

/// A codec's model: the part that belongs to `code`; the others are not read.
struct DecoderArgs {
  ChunkCode code = ChunkCode::Raw;
  DeviceBase::Kind base = DeviceBase::Kind::None;
  ElementType type = ElementType::BF16;
  AnchorRule rule;                      ///< Prefix, Fields, Planes
  const PrefixTable* prefix = nullptr;  ///< Prefix
  const FieldTable* fields = nullptr;   ///< Fields
};

/// Rebuilds base.count elements of `base.type` into `into`: one chunk.
struct DecodeArgs {
  const Decoder* decoder = nullptr;
  DeviceBase base;
  const std::byte* chunk = nullptr;      ///< the device's
  std::span<const std::byte> hostChunk;  ///< the same bytes on the host, for parts that only the host inflates; may be empty
  void* into = nullptr;                  ///< the device's, aligned to 16
  std::uint32_t number = 0;              ///< of the chunk, for messages
};

}  // namespace deltascope::kernels
