// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The final's config.json where only its base's is known: that of an adapter's payload.
#include <filesystem>
#include <span>
#include <string>

#include "core/payload/payload.h"

namespace deltascope {

/// `text`, the base's config.json, without its quantization, and with the vocabulary that the final's embedding has where that
/// has other rows than the base's, and without the tie of two matrices that the final has apart; as it is when nothing of this
/// applies, or it is not JSON. `path` is for messages.
[[nodiscard]] std::string configForFinal(const std::string& text, const std::filesystem::path& path,
                                         std::span<const TensorStats> tensors);

}  // namespace deltascope
