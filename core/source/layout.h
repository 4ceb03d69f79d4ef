// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Names inside a packed model's folder.
#include <string_view>

namespace deltascope {

inline constexpr std::string_view kBaseStem = "base";  ///< base.safetensors, or base-00001-of-00002.safetensors with an index
inline constexpr std::string_view kPackedPayloadName = "model.delta.safetensors";
inline constexpr std::string_view kConfigName =
    "config.json";  ///< with a quantization_config, so that transformers loads the base
/// The final's own config.json, byte for byte, where config.json had to differ; unpack gives it its name back.
inline constexpr std::string_view kFinalConfigName = "config.final.json";
/// Leads transformers to the base's files.
inline constexpr std::string_view kIndexName = "model.safetensors.index.json";
/// A payload's fact: what lay beside the final's weights and was not taken along.
inline constexpr const char* kLeftOutFact = "left out";

}  // namespace deltascope
