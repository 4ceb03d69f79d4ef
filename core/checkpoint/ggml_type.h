// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Element types of GGUF files, by their numbers and usual names (github.com/ggml-org/ggml: ggml.h, docs/gguf.md).
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/checkpoint/dtype.h"

namespace deltascope {

/// A row of a tensor is a run of blocks: `bytes` bytes for `elements` elements.
struct GgmlType {
  std::uint32_t number = 0;
  std::string_view name;
  std::uint32_t elements = 1, bytes = 0;
  std::optional<DType> plain;  ///< what it is elsewhere; nothing for types of blocks
};

/// Null for a number that this program does not know.
[[nodiscard]] const GgmlType* ggmlType(std::uint32_t number);

}  // namespace deltascope
