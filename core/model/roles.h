// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The one table of what the weights of a model are for: names and shapes as Hugging Face writes them, when a layer has them,
/// and how tables and maps sum them up. Loading, synth, the scope of pack, inspect and the heat map read it; a new part of a
/// layer is a row here, a field of LayerConfig and an operation of the forward pass.
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/model/config.h"
#include "core/model/role.h"

namespace deltascope {

/// A side of a weight.
struct WeightSide {
  std::string_view field;  ///< of config.json that gives it, as transformers names it
  std::uint64_t (*size)(const ModelConfig& model, const LayerConfig& layer);
  std::string_view ModelConfig::*fieldOfExperts = nullptr;  ///< the same, of each expert, and where `field` is empty
};

struct RoleRow {
  WeightRole role;
  bool layered;           ///< each layer has its own
  std::string_view name;  ///< where layered, what follows "model.layers.N."
  std::string_view kind;  ///< "q", "norm": a column of tables and maps. A bias has its matrix's
  const WeightSide* rows;
  const WeightSide* columns;                                           ///< null: a vector
  bool (*needed)(const ModelConfig& model, const LayerConfig& layer);  ///< null: always
  bool ofExperts = false;  ///< each expert of the layer has its own, if there are any; the rows of one stand together
  bool depthwise = false;  ///< [rows, 1, columns]: a convolution of each row by itself
  std::array<std::string_view, 4> others{};  ///< what other models call the module; empty ones are none
  std::string_view stack{};                  ///< the tensor of all experts, where there is one: what follows "model.layers.N."
};

/// In the order of a forward pass: what comes before the layers, what a layer has, what comes after them.
[[nodiscard]] std::span<const RoleRow> weightRoles();
[[nodiscard]] const RoleRow& rowOf(WeightRole role);
/// The row of a module by the last part of its name, in this and other models: "q_proj", "wq". Anything called a norm is one.
/// Null: not in the table.
[[nodiscard]] const RoleRow* roleOfModule(std::string_view part);
/// Where a kind stands among the columns of tables and maps; one that the table lacks after all others.
[[nodiscard]] std::size_t rankOfKind(std::string_view kind);

/// "model.layers.3.self_attn.q_proj.weight", "model.layers.3.mlp.experts.7.up_proj.weight"; in a family that has names of its
/// own, by these.
[[nodiscard]] std::string weightName(WeightRole role, std::uint32_t layer = 0, std::optional<std::uint32_t> expert = {},
                                     std::span<const RoleName> names = {});
/// "model.layers.3.mlp.experts.up_proj": of all experts of the layer. Empty: a role of which there is no such tensor.
[[nodiscard]] std::string stackName(WeightRole role, std::uint32_t layer);
/// Whether products read it.
[[nodiscard]] bool isMatrix(WeightRole role);
[[nodiscard]] bool isNorm(WeightRole role);

}  // namespace deltascope
