// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Configuration and tokenizer of a model as JSON, from what its GGUF file says. Internal to core/checkpoint.
#include <nlohmann/json_fwd.hpp>

#include "core/checkpoint/checkpoint.h"

namespace deltascope {

/// config.json as transformers writes it. Unsupported names what the file's metadata says and this program does not run.
[[nodiscard]] Result<nlohmann::json> configFromGguf(const Checkpoint& model);

/// Whether tokenizerFromGguf can make one.
[[nodiscard]] bool hasGgufTokenizer(const GgufFile& file);
/// tokenizer.json; tokens that are no UTF-8 are Corrupt.
[[nodiscard]] Result<nlohmann::json> tokenizerFromGguf(const GgufFile& file);
/// tokenizer_config.json: the chat template and the special tokens.
[[nodiscard]] Result<nlohmann::json> tokenizerConfigFromGguf(const GgufFile& file);

}  // namespace deltascope
