// SPDX-License-Identifier: Apache-2.0
#include "core/model/weights.h"

#include <algorithm>

namespace deltascope {
namespace {

void add(std::vector<WeightSpec>& specs, const ModelConfig& config, const RoleRow& row, std::uint32_t layer,
         std::optional<std::uint32_t> expert = {}) {
  const LayerConfig& of = config.layers[layer];
  if (row.needed && !row.needed(config, of)) return;
  const bool stacked = expert && of.feedForward.stacked;
  const std::string name = stacked ? stackName(row.role, layer) : weightName(row.role, layer, expert, config.names);
  WeightSpec spec{row.role, layer, expert, name, name, {row.rows->size(config, of)}, 0, false};
  if (row.depthwise) spec.shape.push_back(1);
  if (row.columns) spec.shape.push_back(row.columns->size(config, of));
  if (stacked) spec.stack = of.feedForward.experts;
  spec.transposed = stacked && of.feedForward.transposed && row.columns;
  if (spec.transposed) std::ranges::reverse(spec.shape);
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

std::vector<std::uint64_t> WeightSpec::storedShape() const {
  std::vector<std::uint64_t> stored = shape;
  if (stack > 0) stored.insert(stored.begin(), stack);
  return stored;
}

std::string WeightSpec::label() const { return stack > 0 ? name + '[' + std::to_string(*expert) + ']' : name; }

std::vector<StoredWeight> storedWeightsOf(const ModelConfig& config) {
  std::vector<StoredWeight> stored;
  for (auto& spec : weightsOf(config))
    if (spec.stack == 0 || *spec.expert == 0) stored.push_back({spec.name, spec.storedShape(), spec.role, spec.layer});
  return stored;
}

std::string contradiction(const ModelConfig& config, const WeightSpec& spec, const std::vector<std::uint64_t>& shape) {
  const auto wanted = spec.storedShape();
  if (shape.size() != wanted.size()) return {};
  const RoleRow& row = rowOf(spec.role);
  const LayerConfig& layer = config.layers[spec.layer];
  const bool qkv =
      spec.role == WeightRole::Query && (layer.attention.fused || layer.attention.outputGate);  // rows of several fields
  const bool pair = (spec.role == WeightRole::Gate || spec.role == WeightRole::GateBias) && layer.feedForward.fused;
  const auto says = [](std::string_view field, std::uint64_t there, std::uint64_t here) {
    return std::string(field) + " is " + std::to_string(there) + " there, " + std::to_string(here) + " here";
  };
  const std::size_t first = spec.stack > 0 ? 1 : 0;
  if (first == 1 && shape[0] != wanted[0]) return says(config.expertsField, wanted[0], shape[0]);
  for (std::size_t d = first; d < shape.size(); ++d) {
    const bool isRows = row.columns == nullptr || (d == first) != spec.transposed;
    if (shape[d] == wanted[d] || (isRows && qkv) || (row.depthwise && d == 1)) continue;
    const WeightSide& side = isRows ? *row.rows : *row.columns;
    const auto field = side.fieldOfExperts && (spec.expert || side.field.empty()) ? config.*side.fieldOfExperts : side.field;
    if (field.empty()) return {};
    if (!isRows || !pair) return says(field, wanted[d], shape[d]);
    return shape[d] % 2 == 0 ? says(field, wanted[d] / 2, shape[d] / 2) : std::string();
  }
  return {};
}

}  // namespace deltascope
