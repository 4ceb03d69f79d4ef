// SPDX-License-Identifier: Apache-2.0
#include "core/codec/codec.h"

#include <algorithm>

#include "core/base/units.h"
#include "core/codec/bytes.h"

namespace deltascope {

Result<ModelPtr> DeltaCodec::parseModel(std::span<const std::byte> bytes) const {
  if (!bytes.empty())
    return fail(ErrorCode::Corrupt, std::string("codec ") + std::string(nameOf(id())) + " has no model, but one of " +
                                        std::to_string(bytes.size()) + " bytes is stored");
  return ModelPtr{};
}

std::uint64_t DeltaCodec::rangeStep(DType, std::uint64_t chunkElements) const {
  return std::max<std::uint64_t>(chunkElements, 1);
}

Result<void> DeltaCodec::decodeRange(const BaseSlice& base, std::uint64_t chunkElements, std::uint64_t offset,
                                     std::span<const std::byte> chunk, const CodecModel* model,
                                     std::span<std::byte> final) const {
  DELTASCOPE_TRY(checkRange(base, chunkElements, offset));
  return decode(base, chunk, model, final);
}

Result<void> DeltaCodec::checkRange(const BaseSlice& base, std::uint64_t chunkElements, std::uint64_t offset) const {
  const std::uint64_t step = rangeStep(base.finalType, chunkElements);
  const bool inside = offset <= chunkElements && base.count <= chunkElements - offset && (base.count || !chunkElements);
  if (inside && offset % step == 0 && (base.count % step == 0 || offset + base.count == chunkElements)) return {};
  return fail(ErrorCode::InvalidArgument, std::string(nameOf(id())) + ": a chunk of " + std::to_string(chunkElements) +
                                              " elements cannot be decoded from " + std::to_string(offset) + " to " +
                                              std::to_string(offset + base.count) + ", only between multiples of " +
                                              std::to_string(step));
}

}  // namespace deltascope
