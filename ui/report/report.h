// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// One model in a folder that can be sent around: tables, charts, and a page that ties them together and needs nothing else.
#include <QDateTime>
#include <QString>
#include <filesystem>
#include <optional>
#include <vector>

#include "ui/engine.h"

namespace deltascope::ui {

struct ReportRequest {
  std::filesystem::path path;   ///< packed model, payload or checkpoint
  std::filesystem::path base;   ///< of a payload; may be empty
  std::filesystem::path final;  ///< to compare with bit by bit, besides the stored hashes; may be empty
  std::filesystem::path out;    ///< a new folder, an empty one, or an earlier report, which is replaced
  int closeUps = 3;             ///< tensors drawn from close by, the largest of each kind first
  std::uint64_t closeUpElements = std::uint64_t{1} << 24;  ///< larger tensors are sampled, and the page says so
  /// Run one after the other, each with a section, a record and a table of its own; none: nothing is measured.
  std::vector<BenchmarkPreset> benchmarks{BenchmarkPreset::SmallAndLarge, BenchmarkPreset::Generation};
  std::string device = "cpu";                 ///< of the benchmarks
  std::optional<std::uint64_t> memoryBudget;  ///< of the benchmarks, bytes
  unsigned repeat = 5;                        ///< of the benchmarks
  QString command;                            ///< what makes this report again; empty: the headless command
  QDateTime when = QDateTime::currentDateTime();
  Engine engine = realEngine();
};

struct ReportFiles {
  std::filesystem::path folder, page;  ///< page: index.html
  std::vector<std::filesystem::path> files;
  std::optional<bool> bitExact;  ///< empty: a plain checkpoint, or a payload without its base: nothing to verify
  bool benchmarksPassed = true;  ///< false: one of them found a weight that is not bit-exact, or an output of norm 0
};

/// Writes tensors.csv (as `inspect --csv`), verdicts.csv, benchmark-PRESET.json and .csv, findings.csv of a payload of the old
/// scripts, summary.json, PNG charts and index.html (charts inside it, no network, prints well). The folder appears complete or
/// not at all. Differences are a result, not an error; neither is a benchmark that cannot run: its section says why. Threads:
/// any; charts are drawn in the window's thread, which must run its event loop unless it is the caller. Needs a QApplication;
/// no display.
[[nodiscard]] Result<ReportFiles> writeReport(const ReportRequest& request, const JobContext& job);

}  // namespace deltascope::ui
