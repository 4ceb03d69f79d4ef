// SPDX-License-Identifier: Apache-2.0
#pragma once
/// From logits to a token: penalty, temperature, top-k, top-p, min-p, in this order and with these rules as transformers
/// applies them (generation/logits_process.py).
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
  std::uint64_t seed = 0;       ///< of the random numbers
};
/// InvalidArgument names the setting that is out of range.
[[nodiscard]] Result<void> checkSampling(const Sampling& sampling);

struct Candidate {
  TokenId id = 0;
  float score = 0;  ///< its logit after penalty and temperature
};

/// What is drawn is a function of the settings, the logits and the token's place in the answer, so any token may be drawn again
/// or ahead of others. Every id has a random number of its own at every place (Gumbel 1954: the highest score with such noise
/// is a draw in proportion), so logits that differ little mostly give the same token. Not thread-safe.
class Sampler {
 public:
  explicit Sampler(const Sampling& sampling);
  /// Token number `place` of the answer, from 0. `seen`: the tokens so far, for the penalty. NaN logits are never chosen; where
  /// all are, id 0.
  [[nodiscard]] TokenId sample(std::span<const float> logits, std::span<const TokenId> seen, std::size_t place);
  /// What sample() draws from, when the temperature is not 0. Ids that no rule removed, in no particular order.
  [[nodiscard]] const std::vector<Candidate>& candidates(std::span<const float> logits, std::span<const TokenId> seen);

 private:
  void select(std::span<const float> logits, std::span<const TokenId> seen);
  void collect(std::span<const float> logits, std::span<const TokenId> seen);
  void keepTopK();
  void keepTopP();
  void keepMinP();
  [[nodiscard]] float highest() const;
  [[nodiscard]] TokenId draw(std::size_t place) const;

  Sampling m_sampling;
  std::vector<Candidate> m_candidates;
  std::vector<TokenId> m_seen;
};

}  // namespace deltascope
