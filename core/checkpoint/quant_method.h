// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Checkpoints whose weights another library quantized: what is said where plain weights are needed.
#include <optional>
#include <string>

#include "core/checkpoint/checkpoint.h"

namespace deltascope {

/// "gptq (4 bits)" by quantization_config.quant_method of config.json or, without one, by the names and types of the tensors;
/// empty for plain weights and for those of bitsandbytes, which are read.
[[nodiscard]] std::optional<std::string> foreignQuantization(const Checkpoint& checkpoint);

/// "its weights are quantized with gptq (4 bits), and plain ones are needed", with what can be done instead.
[[nodiscard]] Error needsPlainWeights(const Location& where, const std::string& method);

/// How many matrices hold nothing, as DeepSpeed ZeRO-3 leaves them where they were not gathered before saving.
[[nodiscard]] std::size_t emptyWeights(const Checkpoint& checkpoint);
/// "is empty, one of 14: DeepSpeed ZeRO-3 saves so …", with what can be done.
[[nodiscard]] Error needsGatheredWeights(const Location& where, std::size_t empty);

}  // namespace deltascope
