// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/base/units.h"
#include "core/codec/expansion.h"
#include "core/rebuild/reconstruct.h"

namespace deltascope {
Result<void> readBase(const ReconstructionSource& source, const TensorStats& tensor, const ChunkInfo& chunk, bool withValues,
                      SliceBuffer& into) {
  if (tensor.base != BaseKind::None)
    return source.base->slice(tensor.nameInBase(), tensor.dtype, chunk.first, chunk.elements, withValues, into);
  into.slice = {};
  into.slice.finalType = tensor.dtype;
  into.slice.first = chunk.first;
  into.slice.count = chunk.elements;
  return {};
}

Result<void> decodeChunk(const ReconstructionSource& source, const TensorStats& tensor, const ChunkInfo& chunk,
                         std::span<const std::byte> bytes, const BaseSlice& base, std::vector<std::byte>& into,
                         ChunkDecoder* decoder) {
  const std::uint64_t size = ceilDiv(chunk.elements * bitsOf(tensor.dtype), 8);
  // With a base its own size bounds the final; without one only what is stored can.
  if (size > kMostChunkBytes || (tensor.base == BaseKind::None && !mayHold(bytes.size(), size)))
    return fail(ErrorCode::Corrupt,
                "a chunk of " + std::to_string(bytes.size()) + " bytes claims to hold " + std::to_string(size) + " bytes",
                "the payload is damaged; make it again");
  into.resize(size);
  DELTASCOPE_ASSIGN(const ModelPtr model, source.payload.model(tensor));
  if (decoder) {
    const auto number = static_cast<std::uint32_t>(chunk.first / std::max<std::uint64_t>(tensor.chunkElements, 1));
    return decoder->decode(tensor.codec, base, bytes, model, number, into);
  }
  return codec(tensor.codec).decode(base, bytes, model.get(), into);
}

}  // namespace deltascope
