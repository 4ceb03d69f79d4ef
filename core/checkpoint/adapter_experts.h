// SPDX-License-Identifier: Apache-2.0
#pragma once
/// LoRA on bare parameters (PEFT's target_parameters): which parameter of a module a pair of factors belongs to. Internal to
/// core/checkpoint.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace deltascope {

struct ParameterLora {
  std::string module;     ///< "model.layers.0.mlp.experts"
  std::string parameter;  ///< "gate_up_proj", "down_proj", "weight"
};

/// What `module`, as the adapter's tensors name it, stands for; nothing where it is an ordinary module. PEFT wraps a module
/// once for each of its parameters, in the order the module has them: the first lies innermost, under the most "base_layer"s.
/// `targets`: target_parameters, the ends of parameters' names.
[[nodiscard]] std::optional<ParameterLora> parameterOf(const std::vector<std::string>& targets, std::string_view module);

/// The tensors of one expert that make up a stacked parameter, in the order of its outputs, by each convention of names.
[[nodiscard]] std::vector<std::vector<std::string_view>> partsOf(std::string_view parameter);

}  // namespace deltascope
