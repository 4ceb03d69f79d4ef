// SPDX-License-Identifier: Apache-2.0
#pragma once
/// From logits to a token: penalties, temperature, top-k, top-p, min-p, in this order, as transformers applies them.
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/result.h"
#include "core/text/tokenizer.h"

namespace deltascope {

struct Sampling {
  float temperature = 0;        ///< 0: greedy, the highest logit, the lowest id on ties
  std::uint32_t topK = 0;       ///< 0: all
  float topP = 1;               ///< 1: all
  float minP = 0;               ///< of the highest probability; 0: all
  float repetitionPenalty = 1;  ///< 1: none (Keskar et al. 2019)
  std::uint64_t seed = 0;       ///< the same seed, logits and settings give the same tokens
};
/// InvalidArgument names the setting that is out of range.
[[nodiscard]] Result<void> checkSampling(const Sampling& sampling);

/// One stream of random numbers. Not thread-safe.
class Sampler {
 public:
  explicit Sampler(const Sampling& sampling);
  /// `seen`: the tokens so far, for the penalty. NaN logits are never chosen; when all are, id 0.
  [[nodiscard]] TokenId sample(std::span<const float> logits, std::span<const TokenId> seen);

 private:
  Sampling m_sampling;
  std::uint64_t m_state;
  std::vector<float> m_scores;
  std::vector<TokenId> m_order;
};

}  // namespace deltascope
