// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Real models as a table: what their config.json says. The tensors follow from that (core/model/roles.h).
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/checkpoint/safetensors.h"

namespace deltascope {

struct Architecture {
  const char* name;
  const char* modelType;  ///< transformers' "model_type"
  const char* className;
  std::uint64_t hidden, layers, heads, kvHeads, headDim, intermediate, vocabulary;
  bool tied;          ///< no lm_head of its own
  double ropeTheta;   ///< 0: as its family's configuration has it
  double ropeFactor;  ///< Llama-3 scaling over 8,192 positions; 0: none
  double normEps;
  std::uint64_t positions;
  int bos, eos;
  std::uint64_t experts = 0, chosen = 0, expertIntermediate = 0;  ///< of every layer; 0: none
  const char* more = "{}";                                        ///< what else its config.json says, instead of the above
};

[[nodiscard]] const std::vector<Architecture>& architectures();
[[nodiscard]] const Architecture* findArchitecture(std::string_view name);

/// Where the weights of its norms lie around.
[[nodiscard]] Result<float> normCentreOf(const Architecture& architecture);
/// The tensors of a model with `layers` layers, in transformers' names and order: those that its config.json asks for.
[[nodiscard]] Result<std::vector<TensorSpec>> tensorsOf(const Architecture& architecture, std::uint64_t layers, DType dtype);
/// A config.json that transformers loads.
[[nodiscard]] nlohmann::ordered_json configOf(const Architecture& architecture, std::uint64_t layers, DType dtype);

}  // namespace deltascope
