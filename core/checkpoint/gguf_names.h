// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The names of GGUF files' tensors, and those that the model's own class gives them (llama.cpp:
/// gguf-py/gguf/tensor_mapping.py).
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace deltascope {

/// For "blk.3.attn_q.weight": "model.layers.3.self_attn.q_proj.weight"; nothing for a name that has no such counterpart.
/// `sandwich`: of a model that has norms behind its two halves of a layer as well, where "ffn_norm" is another one.
[[nodiscard]] std::optional<std::string> nameFromGguf(std::string_view name, bool sandwich);

/// What the names of one file have in common.
struct GgufNaming {
  bool used = false;  ///< they are a GGUF file's
  bool sandwich = false;
};
[[nodiscard]] GgufNaming ggufNaming(std::span<const std::string_view> names);

}  // namespace deltascope
