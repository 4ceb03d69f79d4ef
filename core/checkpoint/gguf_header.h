// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The parts of a GGUF file's header. Internal to core/checkpoint; promises on untrusted bytes: gguf_file.h.
#include "core/checkpoint/gguf_cursor.h"
#include "core/checkpoint/gguf_value.h"
#include "core/checkpoint/tensor.h"

namespace deltascope {

/// What stands in front: how many tensors and values follow.
struct GgufCounts {
  std::uint64_t tensors = 0, values = 0;
};
[[nodiscard]] Result<GgufCounts> readGgufCounts(GgufCursor& cursor);
[[nodiscard]] Result<GgufMetadata> readGgufMetadata(GgufCursor& cursor, std::uint64_t values);
/// The table of tensors, which ends where the cursor then is; sorted by offset, `fileSize` bounds them.
[[nodiscard]] Result<std::vector<TensorInfo>> readGgufTensors(GgufCursor& cursor, std::uint64_t tensors,
                                                              const GgufMetadata& metadata, std::uint64_t fileSize);
/// Bytes of a value of a type of one size; 0 for texts and arrays.
[[nodiscard]] unsigned sizeOf(GgufType type);

}  // namespace deltascope
