// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// One line of the list of runs: what is worth knowing of a benchmark run without its rows.
#include <QString>
#include <cstdint>
#include <limits>

#include "core/bench/bench.h"

namespace deltascope::ui {

/// Figures that the run does not have are NaN. "Tensor rows" are `BenchmarkRun::rows` without generation, one a tensor and
/// mode.
struct RunEntry {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  QString file;  ///< its name in the folder: the run's id
  QString name, notes;
  QString created;           ///< UTC, ISO 8601, as the record has it
  QString state;             ///< "complete", "cancelled", "failed", "partial"; "unreadable" with a problem
  QString model;             ///< the last part of its path; "chat, base only"
  QString modelFingerprint;  ///< equal for the same model
  QString device;            ///< "CPU · EPYC 7B13", "GPU · H100 80GB HBM3"
  QString settings;          ///< "32 tokens · 16.0 MiB · 2 threads"
  std::uint64_t rows = 0;
  double tokensPerSecond = kNone;         ///< median of the first generation
  double latencyMs = kNone;               ///< sum over tensor rows of the median time of one use in the row's mode
  double residentMs = kNone;              ///< the same sum, of the resident final weights
  double reconstructGbPerSecond = kNone;  ///< 10^9 final bytes over seconds, of all tensor rows that reconstruct together
  std::uint64_t peakBytes = 0;            ///< the most accounted in any row; 0: nothing was measured
  bool passed = false;                    ///< BenchmarkRun::passed()
  QString problem;                        ///< why the file cannot be read; empty: it can

  [[nodiscard]] bool readable() const { return problem.isEmpty(); }
  [[nodiscard]] QString title() const;  ///< the name, or the file's without its ending
};

[[nodiscard]] RunEntry entryOf(const QString& file, const BenchmarkRun& run);
[[nodiscard]] RunEntry unreadableEntry(const QString& file, const Error& error);

}  // namespace deltascope::ui
