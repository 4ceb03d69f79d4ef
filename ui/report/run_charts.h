// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Charts of one finished run. Any of them may be empty (isEmpty): then there is nothing of its kind, and nothing is drawn.
#include "core/bench/bench.h"
#include "ui/charts/chart.h"

namespace deltascope::ui {

/// What the run accounted over its time: the mode of its figures with their peak, the other modes, and what is held beside the
/// plan (reference, baselines); the budget as a line, where there was one. Empty below two samples.
[[nodiscard]] LinesChart memoryChart(const BenchmarkRun& run);
/// What this process held over the same time, as the system tells it. Empty where it did not tell.
[[nodiscard]] LinesChart deviceMemoryChart(const BenchmarkRun& run);
/// Milliseconds of one use by tensor, a series a mode, resident first and baselines last.
[[nodiscard]] SpreadChart latencyChart(const BenchmarkRun& run);
/// Memory saved against the resident weight, by tensor and mode; many tensors are summed by kind, without baselines. Empty when
/// all were resident.
[[nodiscard]] BarsChart savedChart(const BenchmarkRun& run);
/// Tokens a second of each way of running, baselines included.
[[nodiscard]] BarsChart tokensChart(const BenchmarkRun& run);
/// The same repetition by repetition; empty below two.
[[nodiscard]] LinesChart tokensByRepetition(const BenchmarkRun& run);

}  // namespace deltascope::ui
