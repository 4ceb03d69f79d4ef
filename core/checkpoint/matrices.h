// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Which tensors hold matrices: one, or a stack of equally large ones, as checkpoints keep the experts of a layer.
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace deltascope {

/// `count` matrices of rows × columns, one after another, each row-major.
struct Matrices {
  std::uint64_t count = 1, rows = 0, columns = 0;
};

/// What a tensor of this name and shape holds. Two dimensions are a matrix. Three or four are a stack ([experts, out, in], or
/// one with a further grouping in front) where the name says so ("experts", "moe"), or where they can hardly be anything else:
/// at least two matrices of at least 32 × 32. Kernels of convolutions, patch embeddings and positions are neither, and nothing
/// is that has fewer dimensions or more.
[[nodiscard]] std::optional<Matrices> matricesOf(std::string_view name, const std::vector<std::uint64_t>& shape);

/// Rows of all matrices together: the product of every dimension but the last, which is the columns. Of a shape that was
/// checked against overflow; a vector is one row.
[[nodiscard]] std::uint64_t matrixRows(const std::vector<std::uint64_t>& shape);

}  // namespace deltascope
