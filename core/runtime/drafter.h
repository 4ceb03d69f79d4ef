// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Proposes tokens that an exact pass then judges: those of the base over the exact cache, or those that stood in the text
/// before. Internal to core/runtime.
#include "core/model/transformer.h"
#include "core/runtime/draft_pace.h"
#include "core/runtime/sampler.h"

namespace deltascope {

/// One answer's drafts. Threads: that of the answer.
class Drafter {
 public:
  /// All borrowed. `base`, of each device, is empty where the model has none in memory: then only look-up drafts.
  Drafter(const DraftRequest& request, Transformer& transformer, std::vector<Weights*> base, std::uint32_t vocabulary);
  /// At most `most` tokens that may follow `seen`, the first of them number `place` of the answer. The base reads the last
  /// token of `seen` and its own drafts into `cache`, whose length is as before at the end: the exact pass writes over them.
  /// Cancelled when `stop` says so.
  [[nodiscard]] Result<void> propose(std::span<const TokenId> seen, std::size_t place, std::uint32_t most, Sampler& sampler,
                                     KvCache& cache, const std::stop_token& stop, std::vector<TokenId>& drafts);
  /// Of the drafts proposed last: the exact pass over them took so long; so many were right.
  void passTook(std::uint32_t tokens, double seconds) { m_costs.add(tokens, seconds); }
  void judged(std::uint32_t accepted);
  [[nodiscard]] double seconds() const { return m_seconds; }  ///< spent on drafts

 private:
  [[nodiscard]] std::uint32_t wanted(std::size_t matched, std::uint32_t most, bool& lookup);
  Result<void> draftWithBase(std::span<const TokenId> seen, std::size_t place, std::uint32_t count, Sampler& sampler,
                             KvCache& cache, const std::stop_token& stop, std::vector<TokenId>& drafts);

  DraftRequest m_request;
  Transformer& m_transformer;
  std::vector<Weights*> m_base;
  std::vector<float> m_logits;
  PassCosts m_costs;
  DraftPace m_basePace, m_lookupPace;
  DraftProbe m_probe;
  bool m_fromLookup = false;    ///< the last drafts
  std::uint32_t m_drafted = 0;  ///< the last time
  double m_seconds = 0;
};

}  // namespace deltascope
