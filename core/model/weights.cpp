// SPDX-License-Identifier: Apache-2.0
#include "core/model/weights.h"

namespace deltascope {
namespace {

void add(std::vector<WeightSpec>& specs, const ModelConfig& config, const RoleRow& row, std::uint32_t layer,
         std::optional<std::uint32_t> expert = {}) {
  const LayerConfig& of = config.layers[layer];
  if (row.needed && !row.needed(config, of)) return;
  const std::string name = weightName(row.role, layer, expert, config.names);
  WeightSpec spec{row.role, layer, expert, name, name, {row.rows->size(config, of)}};
  if (row.depthwise) spec.shape.push_back(1);
  if (row.columns) spec.shape.push_back(row.columns->size(config, of));
  specs.push_back(std::move(spec));
}

void addLayer(std::vector<WeightSpec>& specs, const ModelConfig& config, std::span<const RoleRow> rows, std::uint32_t layer) {
  const std::uint32_t experts = config.layers[layer].feedForward.experts;
  for (auto row = rows.begin(); row != rows.end();) {
    auto last = row + 1;
    if (!row->ofExperts || !experts) {
      add(specs, config, *row, layer);
    } else {
      last = std::find_if_not(row, rows.end(), [](const RoleRow& r) { return r.ofExperts; });
      for (std::uint32_t expert = 0; expert < experts; ++expert)
        for (auto of = row; of != last; ++of) add(specs, config, *of, layer, expert);
    }
    row = last;
  }
}

}  // namespace

std::vector<WeightSpec> weightsOf(const ModelConfig& config) {
  const auto rows = weightRoles();
  const auto first = std::ranges::find(rows, true, &RoleRow::layered);
  const auto last = std::ranges::find(first, rows.end(), false, &RoleRow::layered);
  std::vector<WeightSpec> specs;
  for (auto row = rows.begin(); row != first; ++row) add(specs, config, *row, 0);
  for (std::uint32_t layer = 0; layer < config.layerCount(); ++layer) addLayer(specs, config, {first, last}, layer);
  for (auto row = last; row != rows.end(); ++row) add(specs, config, *row, 0);
  return specs;
}

std::string contradiction(const ModelConfig& config, const WeightSpec& spec, const std::vector<std::uint64_t>& shape) {
  if (shape.size() != spec.shape.size()) return {};
  const RoleRow& row = rowOf(spec.role);
  const LayerConfig& layer = config.layers[spec.layer];
  const bool fused = spec.role == WeightRole::Query  ? layer.attention.fused || layer.attention.outputGate
                     : spec.role == WeightRole::Gate ? layer.feedForward.fused
                                                     : false;
  for (std::size_t d = fused ? 1 : 0; d < shape.size(); ++d) {  // rows of several fields
    const WeightSide& side = d == 0 ? *row.rows : *row.columns;
    if (shape[d] != spec.shape[d] && !(row.depthwise && d == 1))
      return std::string(side.fieldOfExperts && (spec.expert || side.field.empty()) ? config.*side.fieldOfExperts
                                                                                    : side.field) +
             " is " + std::to_string(spec.shape[d]) + " there, " + std::to_string(shape[d]) + " here";
  }
  return {};
}

}  // namespace deltascope
