// SPDX-License-Identifier: Apache-2.0
#include "core/pack/choose.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "core/codec/traits.h"

namespace deltascope {
namespace {

constexpr double kSpeedTolerance = 1.10;

/// Among those whose shared model is `allowed`; empty when none is left.
std::optional<std::size_t> chooseOne(const std::vector<CodecCandidate>& candidates, const std::vector<bool>& allowed,
                                     int without, Prefer prefer) {
  const auto usable = [&](const CodecCandidate& c) {
    return c.shared < 0 || (c.shared != without && allowed[static_cast<std::size_t>(c.shared)]);
  };
  double least = std::numeric_limits<double>::infinity();
  for (const auto& c : candidates)
    if (usable(c)) least = std::min(least, c.cost());
  std::optional<std::size_t> best;
  const double limit = prefer == Prefer::Speed ? least * kSpeedTolerance : least;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto& c = candidates[i];
    if (!usable(c) || c.cost() > limit) continue;
    const auto better = [&](const CodecCandidate& b) {
      const unsigned rank = traitsOf(c.codec).speedRank, bestRank = traitsOf(b.codec).speedRank;
      return rank != bestRank ? rank < bestRank : c.cost() < b.cost();
    };
    if (!best || better(candidates[*best])) best = i;
  }
  return best;
}

}  // namespace

std::vector<std::size_t> chooseCandidates(std::span<const std::vector<CodecCandidate>> tensors,
                                          std::span<const std::uint64_t> sharedBytes, Prefer prefer) {
  std::vector<bool> allowed(sharedBytes.size(), true);
  for (;;) {
    std::vector<std::size_t> chosen;
    std::vector<double> gain(sharedBytes.size(), 0);
    std::vector<bool> used(sharedBytes.size(), false);
    for (const auto& candidates : tensors) {
      const std::size_t pick = chooseOne(candidates, allowed, -1, prefer).value_or(0);
      chosen.push_back(pick);
      const int shared = candidates[pick].shared;
      if (shared < 0) continue;
      const auto index = static_cast<std::size_t>(shared);
      const auto other = chooseOne(candidates, allowed, shared, prefer);
      used[index] = true;
      gain[index] += other ? candidates[*other].cost() - candidates[pick].cost() : std::numeric_limits<double>::infinity();
    }
    // The worst model first: what its users fall back on may save another one.
    std::optional<std::size_t> worst;
    for (std::size_t i = 0; i < sharedBytes.size(); ++i) {
      const auto net = [&](std::size_t k) { return gain[k] - static_cast<double>(sharedBytes[k]); };
      if (used[i] && net(i) < 0 && (!worst || net(i) < net(*worst))) worst = i;
    }
    if (!worst) return chosen;
    allowed[*worst] = false;
  }
}

}  // namespace deltascope
