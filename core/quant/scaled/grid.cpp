// SPDX-License-Identifier: Apache-2.0
#include "core/quant/scaled/grid.h"

#include <algorithm>
#include <array>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/base/units.h"
#include "core/quant/checkpoint_config.h"

namespace deltascope {
namespace {

using nlohmann::json;

constexpr std::uint64_t kUsualBlock = 128;

template <class T>
void addSize(const json& value, std::vector<T>& into) {
  if (!value.is_number_unsigned()) return;
  const auto size = value.get<std::uint64_t>();
  if (size > 0 && size <= UINT32_MAX && std::ranges::find(into, static_cast<T>(size)) == into.end())
    into.push_back(static_cast<T>(size));
}

void addPair(const json& value, DeclaredBlocks& into) {
  if (!value.is_array() || value.size() != 2) return;
  addSize(value[0], into.rows);
  addSize(value[1], into.columns);
}

/// Elements of one side that share a scale; nothing where that is not clear.
std::optional<std::uint64_t> blockOf(std::uint64_t side, std::uint64_t scales, const std::vector<std::uint64_t>& declared) {
  if (scales == 1) return side;
  if (scales == side) return 1;
  std::vector<std::uint64_t> fitting;
  std::ranges::copy_if(declared, std::back_inserter(fitting),
                       [&](std::uint64_t size) { return ceilDiv(side, size) == scales; });
  if (fitting.size() == 1) return fitting.front();
  if (!fitting.empty() || scales == 0) return std::nullopt;
  if (ceilDiv(side, kUsualBlock) == scales) return kUsualBlock;
  return side % scales == 0 ? std::optional(side / scales) : std::nullopt;
}

/// The scales' sides as [matrices, rows, columns] of a grid.
std::optional<std::array<std::uint64_t, 3>> gridSides(const ScaleGrid& of, const std::vector<std::uint64_t>& weight,
                                                      const std::vector<std::uint64_t>& scale) {
  const std::uint64_t count = std::accumulate(scale.begin(), scale.end(), std::uint64_t{1}, std::multiplies<>());
  if (count == 1 && of.matrices == 1) return {{1, 1, 1}};
  const auto leading = static_cast<std::ptrdiff_t>(weight.size() - 2);
  if (scale.size() == weight.size() && std::equal(scale.begin(), scale.begin() + leading, weight.begin()))
    return {{of.matrices, scale[scale.size() - 2], scale.back()}};
  if (scale.size() + 1 == weight.size() && std::equal(scale.begin(), scale.end(), weight.begin()))
    return {{of.matrices, of.rows, 1}};  // one a row
  if (count == of.matrices) return {{of.matrices, 1, 1}};
  return std::nullopt;
}

}  // namespace

DeclaredBlocks declaredBlocks(const Checkpoint& checkpoint) {
  DeclaredBlocks declared;
  const json& config = configMember(checkpoint.config(), "quantization_config");
  addPair(configMember(config, "weight_block_size"), declared);
  const json& groups = configMember(config, "config_groups");
  if (!groups.is_object()) return declared;
  for (const auto& group : groups) {
    const json& weights = configMember(group, "weights");
    addPair(configMember(weights, "block_structure"), declared);
    addSize(configMember(weights, "group_size"), declared.columns);
    addSize(configMember(weights, "num_bits"), declared.bits);
  }
  return declared;
}

std::vector<float> ScaleGrid::spread(std::span<const float> grid) const {
  std::vector<float> all;
  all.reserve(static_cast<std::size_t>(matrices * rows * gridColumns));
  for (std::uint64_t matrix = 0; matrix < matrices; ++matrix)
    for (std::uint64_t row = 0; row < rows; ++row) {
      const auto own = grid.subspan(static_cast<std::size_t>((matrix * gridRows + row / blockRows) * gridColumns),
                                    static_cast<std::size_t>(gridColumns));
      all.insert(all.end(), own.begin(), own.end());
    }
  return all;
}

std::optional<ScaleGrid> scaleGrid(const std::vector<std::uint64_t>& weight, const std::vector<std::uint64_t>& scale,
                                   const DeclaredBlocks& declared) {
  ScaleGrid grid;
  grid.columns = weight.back();
  grid.rows = weight[weight.size() - 2];
  grid.matrices = std::accumulate(weight.begin(), weight.end() - 2, std::uint64_t{1}, std::multiplies<>());
  const auto sides = gridSides(grid, weight, scale);
  if (!sides) return std::nullopt;
  grid.gridRows = (*sides)[1];
  grid.gridColumns = (*sides)[2];
  const auto blockRows = blockOf(grid.rows, grid.gridRows, declared.rows);
  const auto blockColumns = blockOf(grid.columns, grid.gridColumns, declared.columns);
  if (!blockRows || !blockColumns) return std::nullopt;
  grid.blockRows = *blockRows;
  grid.blockColumns = *blockColumns;
  return grid;
}

}  // namespace deltascope
