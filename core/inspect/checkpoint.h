// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The table of a plain checkpoint, from its headers and the few bytes that describe quantized weights.
#include <map>
#include <string>
#include <vector>

#include "core/checkpoint/checkpoint.h"
#include "core/payload/payload.h"

namespace deltascope {

/// One row a tensor, codec raw, stored = the bytes in the file. A bitsandbytes weight and its parts are one row with the
/// weight's own shape and type, and its format as `base`; what does not look like one is listed as it is. Scales are not read.
[[nodiscard]] std::vector<TensorStats> checkpointRows(const Checkpoint& checkpoint);
/// "files", "model type" and "quantization" where known, "formats" of quantized weights; of a GGUF file its metadata, by their
/// keys, arrays by their length.
[[nodiscard]] std::map<std::string, std::string> checkpointFacts(const Checkpoint& checkpoint);

}  // namespace deltascope
