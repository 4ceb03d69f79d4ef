// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/matrices.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>

#include "core/base/ascii.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kLeastSide = 32;  ///< of a matrix that its name does not tell; kernels of convolutions are smaller

bool hasAny(std::string_view name, std::span<const std::string_view> words) {
  return std::ranges::any_of(words, [&](std::string_view word) { return name.find(word) != std::string_view::npos; });
}

bool isStack(std::string_view name, const std::vector<std::uint64_t>& shape) {
  constexpr std::array<std::string_view, 2> kExperts{"expert", "moe"};
  constexpr std::array<std::string_view, 4> kOthers{"conv", "patch", "pos_embed", "position"};
  const std::string lower = asciiLower(name);
  if (hasAny(lower, std::span(kOthers).first(2))) return false;
  if (hasAny(lower, kExperts)) return true;
  if (hasAny(lower, kOthers)) return false;
  const auto sides = std::span(shape).last(2);
  return sides[0] >= kLeastSide && sides[1] >= kLeastSide &&
         std::ranges::any_of(std::span(shape).first(shape.size() - 2), [](auto n) { return n >= 2; });
}

}  // namespace

std::optional<Matrices> matricesOf(std::string_view name, const std::vector<std::uint64_t>& shape) {
  const std::size_t rank = shape.size();
  if (rank < 2 || rank > 4 || (rank > 2 && !isStack(name, shape))) return std::nullopt;
  Matrices matrices{1, shape[rank - 2], shape[rank - 1]};
  for (std::size_t i = 0; i + 2 < rank; ++i) matrices.count *= shape[i];
  return matrices;
}

std::uint64_t matrixRows(const std::vector<std::uint64_t>& shape) {
  std::uint64_t rows = 1;
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  return rows;
}

}  // namespace deltascope
