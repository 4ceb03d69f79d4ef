// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Inside of ui/report: one benchmark run as a part of a page. The report of a model and the report of a run share it.
#include <optional>

#include "core/bench/bench.h"
#include "core/bench/diff.h"
#include "ui/report/html_page.h"

namespace deltascope::ui {

struct RunSection {
  const BenchmarkRun* run = nullptr;
  const BenchmarkRun* baseline = nullptr;  ///< to compare with; may be null
  QList<ReportChart> charts;               ///< drawn
  QStringList commands;                    ///< what makes the figures again
  QString rowsFile, differencesFile;       ///< where everything is, when a table shows its first rows
  QString figuresFile = {};
  double threshold = kDiffThreshold;  ///< of differences, see judge()
};

/// Charts of the run that have something to show. `prefix` goes before their file names.
[[nodiscard]] QList<ReportChart> runCharts(const BenchmarkRun& run, const QString& prefix, const QString& source);
/// Verdict, charts, tables, differences, and how it was measured. Headings are of the third level.
void writeRun(HtmlPage& page, const RunSection& section);

/// Its parts.
[[nodiscard]] HtmlTable figureRows(const BenchmarkRun& run);
[[nodiscard]] HtmlTable tensorRows(const BenchmarkRun& run);
[[nodiscard]] HtmlTable generationRows(const BenchmarkRun& run);
/// What differs, of all that was compared.
[[nodiscard]] HtmlTable differenceRows(const RunDiff& diff);
[[nodiscard]] QList<QPair<QString, QString>> runFacts(const BenchmarkRun& run);

/// seconds, accounted_bytes, own_bytes, others_bytes, total_bytes, phase (RFC 4180).
[[nodiscard]] QByteArray memoryCsv(const BenchmarkRun& run);

}  // namespace deltascope::ui
