// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a checkpoint says of one tensor.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/checkpoint/dtype.h"
#include "core/checkpoint/ggml_type.h"

namespace deltascope {

/// Shape is row-major. `elements` and `bytes` were checked against overflow and the file when it was opened.
struct TensorInfo {
  std::string name;
  DType dtype = DType::BF16;
  std::vector<std::uint64_t> shape;
  std::uint64_t elements = 1;
  std::uint64_t bytes = 0;
  std::uint64_t offset = 0;        ///< of its first byte, from the start of its file
  std::uint32_t file = 0;          ///< index into the checkpoint's files
  const GgmlType* ggml = nullptr;  ///< in a GGUF file: its type there; of blocks, `dtype` is U8 and a row counts its bytes
  /// In a GGUF file: heads whose two halves have their rows alternating there. They are read in the model's order. 0: none.
  std::uint32_t interleavedHeads = 0;
};

[[nodiscard]] std::string shapeText(const std::vector<std::uint64_t>& shape);  ///< "4096 × 14336", "scalar"
/// Orders names as people do: layers.2 before layers.10.
[[nodiscard]] bool naturalLess(std::string_view a, std::string_view b);

}  // namespace deltascope
