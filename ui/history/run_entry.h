// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// One line of the list of runs: what is worth knowing of a benchmark run without its rows.
#include <QString>
#include <cstdint>
#include <vector>

#include "core/bench/diff.h"

namespace deltascope::ui {

struct RunEntry {
  QString file;  ///< its name in the folder: the run's id
  QString name, notes;
  QString created;           ///< UTC, ISO 8601, as the record has it
  QString state;             ///< "complete", "cancelled, partial", "partial", …; "unreadable" with a problem
  QString model;             ///< the last part of its path; "chat, base only"
  QString modelFingerprint;  ///< equal for the same model
  QString device;            ///< "CPU · EPYC 7B13", "GPU · H100 80GB HBM3"
  QString settings;          ///< "32 tokens · 16.0 MiB · 2 threads"
  std::uint64_t rows = 0;
  RunFigures figures;                    ///< figuresOf() the run
  std::vector<RunCondition> conditions;  ///< conditionsOf() the run: what differences need to mean anything
  QString verdict, sentence;             ///< shortVerdict() and runSentence()
  bool passed = false;                   ///< BenchmarkRun::passed()
  QString problem;                       ///< why the file cannot be read; empty: it can

  [[nodiscard]] bool readable() const { return problem.isEmpty(); }
  [[nodiscard]] QString title() const;  ///< the name, or the file's without its ending
};

[[nodiscard]] RunEntry entryOf(const QString& file, const BenchmarkRun& run);
[[nodiscard]] RunEntry unreadableEntry(const QString& file, const Error& error);

}  // namespace deltascope::ui
