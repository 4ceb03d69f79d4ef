// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "core/base/split_mix.h"

namespace deltascope {
namespace {

bool higher(const Candidate& a, const Candidate& b) { return a.score > b.score || (a.score == b.score && a.id < b.id); }

double weightOf(const Candidate& candidate, float highest) {
  return std::exp(static_cast<double>(candidate.score) - static_cast<double>(highest));
}

}  // namespace

Result<void> checkSampling(const Sampling& s) {
  const auto refuse = [](const char* what) { return fail(ErrorCode::InvalidArgument, what); };
  if (!(s.temperature >= 0) || std::isinf(s.temperature)) return refuse("the temperature is not a number from 0 up");
  if (!(s.topP > 0) || !(s.topP <= 1)) return refuse("top-p is not above 0 and at most 1");
  if (!(s.minP >= 0) || !(s.minP <= 1)) return refuse("min-p is not from 0 to 1");
  if (!(s.repetitionPenalty > 0) || std::isinf(s.repetitionPenalty))
    return refuse("the repetition penalty is not a number above 0");
  return {};
}

Sampler::Sampler(const Sampling& sampling) : m_sampling(sampling) {}

/// Every logit that is a number, with the penalty.
void Sampler::collect(std::span<const float> logits, std::span<const TokenId> seen) {
  m_candidates.clear();
  m_candidates.reserve(logits.size());
  for (std::size_t id = 0; id < logits.size(); ++id) m_candidates.push_back({static_cast<TokenId>(id), logits[id]});
  if (m_sampling.repetitionPenalty < 1 || m_sampling.repetitionPenalty > 1) {
    m_seen.assign(seen.begin(), seen.end());
    std::sort(m_seen.begin(), m_seen.end());
    m_seen.erase(std::unique(m_seen.begin(), m_seen.end()), m_seen.end());
    for (const TokenId id : m_seen) {
      if (id >= logits.size()) continue;
      float& score = m_candidates[id].score;
      score = score < 0 ? score * m_sampling.repetitionPenalty : score / m_sampling.repetitionPenalty;
    }
  }
  std::erase_if(m_candidates, [](const Candidate& c) { return std::isnan(c.score); });
}

float Sampler::highest() const {
  return std::max_element(m_candidates.begin(), m_candidates.end(), [](auto& a, auto& b) { return a.score < b.score; })->score;
}

/// Ties with the last one stay.
void Sampler::keepTopK() {
  const std::size_t k = m_sampling.topK;
  if (k == 0 || k >= m_candidates.size()) return;
  std::nth_element(m_candidates.begin(), m_candidates.begin() + static_cast<std::ptrdiff_t>(k - 1), m_candidates.end(), higher);
  const float least = m_candidates[k - 1].score;
  std::erase_if(m_candidates, [least](const Candidate& c) { return c.score < least; });
}

/// The likeliest tokens until what is left out weighs at most 1 − p; one at least.
void Sampler::keepTopP() {
  if (m_sampling.topP >= 1) return;
  const float top = highest();
  double total = 0;
  for (const auto& c : m_candidates) total += weightOf(c, top);
  const double leaveOut = (1.0 - static_cast<double>(m_sampling.topP)) * total;
  const auto lower = [](const Candidate& a, const Candidate& b) { return higher(b, a); };
  std::make_heap(m_candidates.begin(), m_candidates.end(), lower);
  auto end = m_candidates.end();
  double left = total;
  do {
    std::pop_heap(m_candidates.begin(), end, lower);
    --end;
    left -= weightOf(*end, top);
  } while (end != m_candidates.begin() && left > leaveOut);
  m_candidates.erase(m_candidates.begin(), end);
}

void Sampler::keepMinP() {
  if (!(m_sampling.minP > 0)) return;
  const float top = highest();
  std::erase_if(m_candidates, [&](const Candidate& c) { return weightOf(c, top) < static_cast<double>(m_sampling.minP); });
}

void Sampler::select(std::span<const float> logits, std::span<const TokenId> seen) {
  collect(logits, seen);
  if (m_candidates.empty() || !(m_sampling.temperature > 0)) return;
  for (auto& c : m_candidates) c.score /= m_sampling.temperature;
  if (const float top = highest(); std::isinf(top)) {  // all of them −∞, or some +∞: those alone
    std::erase_if(m_candidates, [top](const Candidate& c) { return c.score < top; });
    for (auto& c : m_candidates) c.score = 0;
    return;
  }
  keepTopK();
  keepTopP();
  keepMinP();
}

const std::vector<Candidate>& Sampler::candidates(std::span<const float> logits, std::span<const TokenId> seen) {
  select(logits, seen);
  return m_candidates;
}

namespace {

/// The highest of some logits that are numbers, −∞ where none is. Lanes of their own, so that a processor takes several at
/// once.
float highestOf(std::span<const float> logits) {
  constexpr std::size_t kLanes = 16;
  std::array<float, kLanes> most;
  most.fill(-std::numeric_limits<float>::infinity());
  std::size_t at = 0;
  for (; at + kLanes <= logits.size(); at += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      most[lane] = logits[at + lane] > most[lane] ? logits[at + lane] : most[lane];
  for (; at < logits.size(); ++at) most[0] = logits[at] > most[0] ? logits[at] : most[0];
  return *std::ranges::max_element(most);
}

/// The lowest id of the highest logit that is a number; 0 where none is.
TokenId likeliest(std::span<const float> logits) {
  constexpr std::size_t kBlock = 4096;
  float top = -std::numeric_limits<float>::infinity();
  std::size_t place = 0;  // of the first block that has it
  for (std::size_t at = 0; at < logits.size(); at += kBlock)
    if (const float most = highestOf(logits.subspan(at, std::min(kBlock, logits.size() - at))); most > top)
      top = most, place = at;
  const auto found = std::find(logits.begin() + static_cast<std::ptrdiff_t>(place), logits.end(), top);
  return found == logits.end() ? 0 : static_cast<TokenId>(found - logits.begin());
}

}  // namespace

/// Most candidates cannot win, and are left after a comparison: noise above a margin m needs a number u with
/// 1 − u < exp(−m), so the leading zeros of 1 − u bound it without a logarithm.
TokenId Sampler::draw(std::size_t place) const {
  const std::uint64_t stream = SplitMix64::at(SplitMix64(m_sampling.seed).next(), place);
  const auto noisy = [&](const Candidate& c, std::uint64_t left) {
    const double u = 1 - (static_cast<double>(left) + 0.5) * 0x1p-53;
    return static_cast<double>(c.score) - std::log(-std::log(u));
  };
  const auto leftOf = [&](const Candidate& c) { return SplitMix64::at(stream, c.id) >> 11; };  // 1 − u, times 2^53
  const Candidate* best =
      &*std::max_element(m_candidates.begin(), m_candidates.end(), [](const auto& a, const auto& b) { return higher(b, a); });
  double most = noisy(*best, leftOf(*best));
  constexpr double kLog2 = 0.69314718055994530942;
  for (const auto& c : m_candidates) {
    const std::uint64_t left = leftOf(c);
    // noise ≤ −log(1 − u) < (zeros + 1) · log 2, with 53 places behind the point
    if (static_cast<double>(c.score) + kLog2 * (std::countl_zero(left) - 10) < most) continue;
    const double score = noisy(c, left);
    if (score < most || &c == best) continue;
    if (score > most || c.id < best->id) best = &c, most = score;
  }
  return best->id;
}

TokenId Sampler::sample(std::span<const float> logits, std::span<const TokenId> seen, std::size_t place) {
  const bool penalty = m_sampling.repetitionPenalty < 1 || m_sampling.repetitionPenalty > 1;
  if (!(m_sampling.temperature > 0) && !penalty) return likeliest(logits);
  select(logits, seen);
  if (m_candidates.empty()) return 0;
  if (!(m_sampling.temperature > 0)) return std::min_element(m_candidates.begin(), m_candidates.end(), higher)->id;
  return draw(place);
}

}  // namespace deltascope
