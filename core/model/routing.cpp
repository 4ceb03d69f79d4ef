// SPDX-License-Identifier: Apache-2.0
#include "core/model/routing.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace deltascope {

Result<Routing> Routing::of(std::span<const float> logits, const FeedForwardConfig& block) {
  if (!std::ranges::all_of(logits, [](float logit) { return std::isfinite(logit); }))
    return fail(ErrorCode::Corrupt, "the router gives a number that is not finite, so that no expert is chosen",
                "the weights may be damaged: verify them, or download them again");
  Routing routing;
  routing.m_experts.resize(block.experts);
  std::vector<std::uint32_t> order(block.experts);
  std::vector<float> chosen(block.chosen);
  const auto end = order.begin() + block.chosen;
  for (std::size_t first = 0; first < logits.size(); first += block.experts) {
    const auto own = logits.subspan(first, block.experts);
    std::iota(order.begin(), order.end(), 0u);
    std::partial_sort(order.begin(), end, order.end(),
                      [&](std::uint32_t a, std::uint32_t b) { return own[a] > own[b] || (!(own[a] < own[b]) && a < b); });
    const auto power = [&](std::uint32_t expert) { return std::exp(own[expert] - own[order.front()]); };
    float sum = 0;
    for (std::uint32_t expert = 0; expert < block.experts; ++expert) sum += power(expert);
    std::transform(order.begin(), end, chosen.begin(), [&](std::uint32_t expert) { return power(expert) / sum; });
    const float shares = block.sharesOfChosen ? std::accumulate(chosen.begin(), chosen.end(), 0.0f) : 1.0f;
    for (std::uint32_t i = 0; i < block.chosen; ++i) {
      Readers& readers = routing.m_experts[order[i]];
      readers.tokens.push_back(static_cast<std::uint32_t>(first / block.experts));
      readers.weights.push_back(chosen[i] / shares);
    }
  }
  for (std::uint32_t expert = 0; expert < block.experts; ++expert)
    if (!routing.m_experts[expert].tokens.empty()) routing.m_chosen.push_back(expert);
  return routing;
}

}  // namespace deltascope
