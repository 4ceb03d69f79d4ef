// SPDX-License-Identifier: Apache-2.0
#include "core/codec/codec.h"

namespace deltascope {

Result<ModelPtr> DeltaCodec::parseModel(std::span<const std::byte> bytes) const {
  if (!bytes.empty())
    return fail(ErrorCode::Corrupt, std::string("codec ") + std::string(nameOf(id())) + " has no model, but one of " +
                                        std::to_string(bytes.size()) + " bytes is stored");
  return ModelPtr{};
}

}  // namespace deltascope
