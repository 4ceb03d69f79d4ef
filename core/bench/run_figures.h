// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a run came to, computed once: every list, head line, chart, report, file and comparison takes names and numbers from
/// here. Modes are never added up: figures are of one mode, which is named.
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/bench/bench.h"

namespace deltascope {

enum class Wanted : std::uint8_t { Neither, Less, More };
enum class FigureUnit : std::uint8_t { TokensPerSecond, Milliseconds, GbPerSecond, Bytes, Count, Ratio };

enum class RunFigureId : std::uint8_t {
  TokensPerSecond,
  FirstToken,
  UndraftedSpeed,
  TokensPerPass,
  Acceptance,
  SimulatedAcceptance,
  DraftTime,
  VerifyTime,
  Latency,
  Resident,
  Rebuild,
  Peak,
  PlannedPeak,
  Budget,
  OutsidePeak,
  OwnPeak,
  Tensors,
  Checks,
  ChecksPassed,
  NotMeasured,
};
inline constexpr std::size_t kRunFigureCount = 20;

struct RunFigure {
  RunFigureId id;
  std::string_view key;    ///< in files, with the unit: "latency_ms"
  std::string_view label;  ///< "latency"
  FigureUnit unit;
  Wanted wanted;
  std::string_view meaning;  ///< a sentence's worth, for tooltips and reports
};
/// All of them, in the order of RunFigureId.
[[nodiscard]] std::span<const RunFigure> runFigureTable();
[[nodiscard]] const RunFigure& describe(RunFigureId id);

struct FigureValue {
  std::optional<double> value;  ///< in the figure's unit; empty: not measured
  double spread = 0;            ///< what repetitions alone scatter: the middle half's width; 0: counted, not measured
};

struct RunFigures {
  std::string mode;            ///< of the tensors' figures: "jit", else "stream", else "static"; empty: none was measured
  std::string generationMode;  ///< of generation's: "plan", else "jit", …; empty: nothing was generated
  std::array<FigureValue, kRunFigureCount> values;

  [[nodiscard]] const FigureValue& operator[](RunFigureId id) const { return values[static_cast<std::size_t>(id)]; }
  [[nodiscard]] FigureValue& at(RunFigureId id) { return values[static_cast<std::size_t>(id)]; }
  [[nodiscard]] std::uint64_t count(RunFigureId id) const;  ///< as a whole number; 0 where there is none
  /// Which mode `id` is of; empty: of the whole run.
  [[nodiscard]] std::string_view modeOf(RunFigureId id) const;
};
[[nodiscard]] RunFigures figuresOf(const BenchmarkRun& run);
/// Whether the row is one of those that the figures are of.
[[nodiscard]] bool isHeadline(const BenchmarkRow& row, const RunFigures& figures);

/// "1.77 ms", "14,680,064 bytes", "7": with its unit, as exact as it was measured.
[[nodiscard]] std::string exactText(FigureUnit unit, double value);
/// "1.77 ms", "14.0 MiB", "2.38 GB/s": three significant figures.
[[nodiscard]] std::string shortText(FigureUnit unit, double value);
/// "", "ms", "GB/s", "tokens/s", "bytes"; of a count and of a ratio "".
[[nodiscard]] std::string_view nameOf(FigureUnit unit);

/// Label, mode, value and unit of each figure a line (RFC 4180): key, label, mode, value, spread, unit.
[[nodiscard]] std::string figuresCsv(const RunFigures& figures);

}  // namespace deltascope
