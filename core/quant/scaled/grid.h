// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Scales as a grid over a matrix, or over each matrix of a stack.
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/checkpoint/checkpoint.h"

namespace deltascope {

/// Sizes of blocks that a config.json names; of several, which one a weight has follows from its shapes.
struct DeclaredBlocks {
  std::vector<std::uint64_t> rows, columns;
  std::vector<unsigned> bits;
};
/// From `weight_block_size`, and of all `config_groups` of compressed-tensors `block_structure`, `group_size`, `num_bits`.
[[nodiscard]] DeclaredBlocks declaredBlocks(const Checkpoint& checkpoint);

/// Which scale an element has: of matrix m, row r and column c that of [m, r / blockRows, c / blockColumns].
struct ScaleGrid {
  std::uint64_t matrices = 1, rows = 1, columns = 1;  ///< of the weight; of a stack, each matrix
  std::uint64_t gridRows = 1, gridColumns = 1;        ///< of the scales, each matrix
  std::uint64_t blockRows = 1, blockColumns = 1;

  [[nodiscard]] std::uint64_t scales() const { return matrices * gridRows * gridColumns; }
  /// One value for each row and block of columns. `grid`: scales() of them.
  [[nodiscard]] std::vector<float> spread(std::span<const float> grid) const;
};
/// Nothing where the scales' shape is not one of a grid over the weight's, or fits several sizes of blocks. `weight` has two
/// sides or more, none of them 0.
[[nodiscard]] std::optional<ScaleGrid> scaleGrid(const std::vector<std::uint64_t>& weight,
                                                 const std::vector<std::uint64_t>& scale, const DeclaredBlocks& declared);

}  // namespace deltascope
