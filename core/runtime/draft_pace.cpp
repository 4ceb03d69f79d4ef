// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/draft_pace.h"

#include <algorithm>

namespace deltascope {
namespace {

constexpr double kNews = 0.15;   // of an average, the latest
constexpr double kFade = 0.98;   // of what was right, a draft
constexpr double kLine = 0.1;    // of a pass, one more token, before any was measured
constexpr double kWorth = 1.02;  // a gain below is noise

void average(double& seconds, double now) { seconds = seconds > 0 ? seconds + kNews * (now - seconds) : now; }

}  // namespace

void PassCosts::add(std::uint32_t tokens, double seconds) {
  if (tokens > 0 && tokens < m_seconds.size()) average(m_seconds[tokens], seconds);
}

double PassCosts::of(std::uint32_t tokens) const {
  if (m_seconds[tokens] > 0) return m_seconds[tokens];
  std::uint32_t below = tokens - 1, above = tokens + 1;
  while (below > 1 && !(m_seconds[below] > 0)) --below;
  while (above < m_seconds.size() && !(m_seconds[above] > 0)) ++above;
  const double from = m_seconds[below];
  if (above < m_seconds.size()) return from + (m_seconds[above] - from) * (tokens - below) / (above - below);
  const double step = below > 1 ? std::max(0.0, from - m_seconds[1]) / (below - 1) : kLine * from;
  return from + step * (tokens - below);
}

void DraftPace::judged(std::uint32_t drafted, std::uint32_t accepted) {
  const std::uint32_t tried = std::min(drafted, accepted + 1);  // those after the first wrong one say nothing
  for (std::uint32_t i = 0; i < tried; ++i) {
    m_right = kFade * m_right + (i < accepted ? 1 : 0);
    m_tried = kFade * m_tried + 1;
  }
}

void DraftPace::took(std::uint32_t drafted, double seconds) {
  if (drafted > 0) average(m_seconds, seconds / drafted);
}

DraftPace::Choice DraftPace::best(const PassCosts& costs, std::uint32_t most) const {
  const double right = std::min(m_right / m_tried, 0.999), alone = costs.of(1);
  if (m_seconds == 0) most = std::min(most, kProbeDrafts);
  Choice best;
  double expected = 1, likely = 1;  // tokens of the round, and that all drafts so far are right
  for (std::uint32_t drafts = 1; drafts <= most; ++drafts) {
    likely *= right;
    expected += likely;
    const double gain = expected * alone / (costs.of(drafts + 1) + drafts * m_seconds);
    if (gain > std::max(best.gain, kWorth)) best = {drafts, gain};
  }
  return best;
}

bool DraftProbe::due() {
  if (--m_wait > 0) return false;
  m_every = std::min(2 * m_every, kRarest);
  m_wait = m_every;
  return true;
}

}  // namespace deltascope
