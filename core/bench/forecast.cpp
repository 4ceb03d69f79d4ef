// SPDX-License-Identifier: Apache-2.0
#include "core/bench/forecast.h"

#include <algorithm>

namespace deltascope {
namespace {

struct Facts {
  std::string_view name;
  double nanoseconds;  ///< a byte of final weights, on two cores
};
/// In the order of BenchmarkWork.
constexpr std::array<Facts, kBenchmarkWorks> kFacts{{{"reading", 1.5},
                                                     {"reference", 0.05},
                                                     {"reconstruction alone", 0.4},
                                                     {"static", 0.05},
                                                     {"jit", 0.5},
                                                     {"stream", 0.7},
                                                     {"additive, encoding", 6},
                                                     {"additive", 1},
                                                     {"zstd, encoding", 20},
                                                     {"zstd", 1.5},
                                                     {"base", 0.1},
                                                     {"loading", 2},
                                                     {"resident", 0.06},
                                                     {"generating", 0.5},
                                                     {"base", 0.1}}};
constexpr double kPieceSeconds = 0.006;  // input, plan and warm-up, however small the weight
/// As if so much had been seen at the expected speed: one small piece says little of the large ones.
constexpr double kDoubt = 0.05, kFirstDoubt = 0.5;

std::size_t at(BenchmarkWork work) { return static_cast<std::size_t>(work); }

}  // namespace

std::string_view nameOf(BenchmarkWork work) { return kFacts[at(work)].name; }

double expectedSeconds(BenchmarkWork work, std::uint64_t bytes, double times) {
  return kPieceSeconds + 1e-9 * kFacts[at(work)].nanoseconds * static_cast<double>(bytes) * times;
}

void Forecast::expect(BenchmarkWork work, double seconds) { m_kinds[at(work)].left += seconds; }

void Forecast::drop(BenchmarkWork work, double seconds) {
  auto& kind = m_kinds[at(work)];
  kind.left = std::max(0.0, kind.left - seconds);
}

void Forecast::done(BenchmarkWork work, double seconds, double took) {
  drop(work, seconds);
  auto& kind = m_kinds[at(work)];
  kind.done += seconds;
  kind.took += took;
  m_done += seconds;
  m_took += took;
}

/// A kind that was not seen yet is as far off as the others were.
double Forecast::slowness(BenchmarkWork work) const {
  const auto& kind = m_kinds[at(work)];
  const double all = (kFirstDoubt + m_took) / (kFirstDoubt + m_done);
  return (kDoubt * all + kind.took) / (kDoubt + kind.done);
}

double Forecast::left(const Running& running) const {
  double seconds = 0;
  for (std::size_t i = 0; i < kBenchmarkWorks; ++i) {
    const auto work = static_cast<BenchmarkWork>(i);
    const double here = running.seconds > 0 && work == running.work ? running.seconds : 0;
    seconds += std::max(0.0, m_kinds[i].left - here) * slowness(work);
  }
  if (running.seconds <= 0) return seconds;
  const double expected = running.seconds * slowness(running.work);
  if (running.fraction < 0) return seconds + std::max(0.0, expected - running.took);
  // What this piece has shown counts the more the further it is.
  const double fraction = std::clamp(running.fraction, 0.0, 1.0);
  const double shown = fraction > 0 ? running.took / fraction : expected;
  return seconds + (1 - fraction) * (fraction * shown + (1 - fraction) * expected);
}

double Forecast::share(const Running& running) {
  const double took = m_took + running.took, all = took + left(running);
  if (all > 0) m_share = std::max(m_share, std::clamp(took / all, 0.0, 1.0));
  return m_share;
}

}  // namespace deltascope
