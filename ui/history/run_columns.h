// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The columns of the list of runs, and how each value is written: in cells, beside a baseline, in tooltips and files.
#include <QStringList>
#include <optional>
#include <vector>

#include "ui/charts/numbers.h"
#include "ui/history/run_entry.h"

namespace deltascope::ui {

enum class RunColumn {
  Baseline,  ///< a star
  Name,
  Time,
  Model,
  Device,
  Settings,
  State,
  Mode,  ///< which the figures are of
  TokensPerSecond,
  LatencyMs,
  Reconstruct,
  Peak,
  Verdict,
  Notes
};
inline constexpr int kRunColumnCount = 14;

/// Of the column of bytes, one for the whole column.
[[nodiscard]] Unit unitFor(const std::vector<RunEntry>& entries);

/// How a cell is coloured; its words say the same.
enum class RunTone { Plain, Muted, Good, Warn, Bad };

[[nodiscard]] bool isFigure(RunColumn column);                            ///< those that are compared with a baseline's
[[nodiscard]] QString runHeaderText(RunColumn column, const Unit& unit);  ///< "Peak, MiB"
[[nodiscard]] QString runHeaderToolTip(RunColumn column);

/// Which of the run's figures a figure's column shows.
[[nodiscard]] RunFigureId figureIn(RunColumn column);
/// The figure of a figure's column, in the figure's unit; NaN: there is none.
[[nodiscard]] double figureOf(const RunEntry& entry, RunColumn column);
/// What the cell says without a baseline.
[[nodiscard]] QString runCellText(const RunEntry& entry, RunColumn column, const Unit& unit);
[[nodiscard]] RunTone runTone(const RunEntry& entry, RunColumn column);
/// Exact figures with their units; of other columns all that the cell may have cut.
[[nodiscard]] QString runToolTip(const RunEntry& entry, RunColumn column);

struct FigureDifference {
  double relative = 0;            ///< (value − baseline) / |baseline|
  RunTone tone = RunTone::Muted;  ///< Good, Bad; Muted within the noise, and where the runs are not alike
  QStringList apart = {};         ///< why the difference means nothing: "budget: 14.00 MiB and none"
};
/// By the rule for noise that comparisons have (judge()). Empty where one of the figures is missing or the baseline's is 0.
[[nodiscard]] std::optional<FigureDifference> differenceOf(const RunEntry& entry, const RunEntry& baseline, RunColumn column,
                                                           double threshold);
[[nodiscard]] QString differenceText(double relative);  ///< "+3.1 %", "−12 %", "0.0 %"
/// The same, or "≠" of runs that are not alike.
[[nodiscard]] QString differenceText(const FigureDifference& difference);
/// Of what keeps the two runs from being compared, that which the column shows: "budget: 14.00 MiB and none" among the
/// settings.
[[nodiscard]] QStringList apartIn(const RunEntry& entry, const RunEntry& baseline, RunColumn column);
/// "+3.1 % to the baseline's 206 tokens/s: better", and what the two runs do not have in common.
[[nodiscard]] QString differenceToolTip(const RunEntry& entry, const RunEntry& baseline, RunColumn column,
                                        const FigureDifference& difference);

/// RFC 4180: names with units in the header, exact figures, '.' decimals; empty where there is none.
[[nodiscard]] QByteArray runsToCsv(const std::vector<RunEntry>& entries, const QString& baseline);

}  // namespace deltascope::ui
