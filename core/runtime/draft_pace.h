// SPDX-License-Identifier: Apache-2.0
#pragma once
/// How many tokens to draft: decided from what passes take and how many drafts were right, while a model runs. What is decided
/// changes how long an answer takes, never the answer. Internal to core/runtime.
#include <array>
#include <cstdint>

#include "core/runtime/runtime.h"

namespace deltascope {

/// Seconds that exact passes of so many tokens take, as they were measured; between and beyond these, a line.
class PassCosts {
 public:
  void add(std::uint32_t tokens, double seconds);
  [[nodiscard]] bool known() const { return m_seconds[1] > 0; }  ///< passes of one token were measured
  [[nodiscard]] double of(std::uint32_t tokens) const;

 private:
  std::array<double, kMostDrafts + 2> m_seconds{};  ///< by tokens; 0: not measured
};

/// Drafts to see what they cost, or whether the text has become predictable.
inline constexpr std::uint32_t kProbeDrafts = 2;

/// Of one source of drafts.
class DraftPace {
 public:
  void judged(std::uint32_t drafted, std::uint32_t accepted);
  void took(std::uint32_t drafted, double seconds);  ///< making them
  struct Choice {
    std::uint32_t drafts = 0;
    double gain = 1;  ///< tokens a second over those without drafts, as expected
  };
  /// The best number of drafts up to `most`; 0 where none gains. No more than a probe's before one was timed: drafts that never
  /// help would cost most in the first round.
  [[nodiscard]] Choice best(const PassCosts& costs, std::uint32_t most) const;

 private:
  double m_right = 0.75, m_tried = 1;  ///< fading; what nobody has seen yet is right three times in four
  double m_seconds = 0;                ///< a draft
};

/// Sources that do not pay are tried again now and then, less and less often.
class DraftProbe {
 public:
  /// One round that drafts do not pay for has come: whether to try all the same.
  [[nodiscard]] bool due();
  void paid() { m_wait = m_every = kFirst; }

 private:
  static constexpr std::uint32_t kFirst = 16, kRarest = 512;
  std::uint32_t m_wait = kFirst, m_every = kFirst;
};

}  // namespace deltascope
