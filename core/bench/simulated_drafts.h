// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Drafts for weights that were never trained: right as often as is asked for, so that speed can be measured at an acceptance.
/// Internal to core/bench.
#include <vector>

#include "core/base/split_mix.h"
#include "core/text/tokenizer.h"

namespace deltascope {

/// Told the answer beforehand. Whether a place is drafted right is drawn for it alone, so it is the same however drafts are cut
/// into passes. Takes the place of DraftRequest::instead.
class SimulatedDrafts {
 public:
  /// `acceptance`: 0 … 1. `answer`: the exact tokens. `vocabulary`: a wrong draft is below it.
  SimulatedDrafts(double acceptance, std::uint64_t seed, std::vector<TokenId> answer, std::uint32_t vocabulary)
      : m_acceptance(acceptance), m_seed(seed), m_answer(std::move(answer)), m_vocabulary(vocabulary) {}
  [[nodiscard]] TokenId operator()(std::size_t place, TokenId drafted) const {
    if (place >= m_answer.size()) return drafted;
    const bool right = SplitMix64(SplitMix64::at(m_seed, place)).uniform() < m_acceptance;
    return right ? m_answer[place] : (m_answer[place] + 1) % m_vocabulary;
  }

 private:
  double m_acceptance;
  std::uint64_t m_seed;
  std::vector<TokenId> m_answer;
  std::uint32_t m_vocabulary;
};

}  // namespace deltascope
