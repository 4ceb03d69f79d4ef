// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/drafter.h"

#include <algorithm>
#include <chrono>

#include "core/runtime/lookup.h"

namespace deltascope {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLeastMatch = 3;  // shorter ones are mostly chance

}  // namespace

Drafter::Drafter(const DraftRequest& request, Transformer& transformer, std::vector<Weights*> base, std::uint32_t vocabulary)
    : m_request(request), m_transformer(transformer), m_base(std::move(base)), m_logits(m_base.empty() ? 0 : vocabulary) {}

/// How many drafts, and from where, when `matched` tokens were found in the text.
std::uint32_t Drafter::wanted(std::size_t matched, std::uint32_t most, bool& lookup) {
  const bool mayLookUp = matched > 0, mayAsk = !m_base.empty() && m_request.source != DraftSource::Lookup;
  lookup = mayLookUp;
  if (!mayLookUp && !mayAsk) return 0;
  if (m_request.tokens > 0) return std::min(m_request.tokens, most);
  if (!m_costs.known()) return 0;  // a pass without drafts comes first, to compare with
  const DraftPace::Choice look = mayLookUp ? m_lookupPace.best(m_costs, most) : DraftPace::Choice{};
  const DraftPace::Choice ask = mayAsk ? m_basePace.best(m_costs, most) : DraftPace::Choice{};
  lookup = mayLookUp && look.gain >= ask.gain;
  if (const std::uint32_t drafts = lookup ? look.drafts : ask.drafts) {
    m_probe.paid();
    return drafts;
  }
  return m_probe.due() ? std::min(kProbeDrafts, most) : 0;
}

Result<void> Drafter::propose(std::span<const TokenId> seen, std::size_t place, std::uint32_t most, Sampler& sampler,
                              KvCache& cache, const std::stop_token& stop, std::vector<TokenId>& drafts) {
  drafts.clear();
  m_drafted = 0;
  if (m_request.source == DraftSource::Off || most == 0) return {};
  const auto start = Clock::now();
  const std::size_t matched = m_request.source == DraftSource::Base ? 0 : lookUp(seen, kLeastMatch, most, drafts);
  const std::uint32_t count = wanted(matched, most, m_fromLookup);
  if (!m_fromLookup || count < drafts.size()) drafts.resize(m_fromLookup ? count : 0);
  Result<void> done;
  if (!m_fromLookup && count > 0) done = draftWithBase(seen, place, count, sampler, cache, stop, drafts);
  m_drafted = static_cast<std::uint32_t>(drafts.size());
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  m_seconds += seconds;
  (m_fromLookup ? m_lookupPace : m_basePace).took(m_drafted, seconds);
  return done;
}

Result<void> Drafter::draftWithBase(std::span<const TokenId> seen, std::size_t place, std::uint32_t count, Sampler& sampler,
                                    KvCache& cache, const std::stop_token& stop, std::vector<TokenId>& drafts) {
  const std::uint32_t length = cache.length();
  std::vector<TokenId> text(seen.begin(), seen.end());
  Result<void> done;
  while (drafts.size() < count) {
    done = m_transformer.draft(std::span(text).last(1), cache, m_logits, stop, m_base);
    if (!done) break;
    const std::size_t at = place + drafts.size();
    const TokenId drafted = sampler.sample(m_logits, text, at);
    drafts.push_back(m_request.instead ? m_request.instead(at, drafted) : drafted);
    text.push_back(drafts.back());
  }
  cache.setLength(length);
  if (!done && done.error().code == ErrorCode::Corrupt) return {};  // a base that gives no numbers proposes nothing more
  return done;
}

void Drafter::judged(std::uint32_t accepted) {
  if (m_drafted > 0) (m_fromLookup ? m_lookupPace : m_basePace).judged(m_drafted, accepted);
}

}  // namespace deltascope
