// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What changed from one run to another, or from one payload to another: signed differences, and which of them are noise.
#include <optional>
#include <string>
#include <vector>

#include "core/bench/run_figures.h"
#include "core/payload/payload.h"

namespace deltascope {

inline constexpr double kDiffThreshold = 0.05;

/// One figure of both sides; one of them may be missing.
struct DiffMetric {
  using Wanted = deltascope::Wanted;
  enum class Verdict : std::uint8_t { Same, Better, Worse, Changed };
  std::string name;  ///< as the record has it: "latency_jit_ms"
  std::optional<double> a, b;
  double noise = 0;  ///< what repetitions alone differ by; 0 for what is exact
  Wanted wanted = Wanted::Neither;
  Verdict verdict = Verdict::Same;

  [[nodiscard]] std::optional<double> absolute() const;  ///< b − a
  [[nodiscard]] std::optional<double> relative() const;  ///< (b − a) / |a|; empty where a is 0
};
[[nodiscard]] std::string_view nameOf(DiffMetric::Verdict verdict);  ///< "same", "better", "worse", "changed"

struct DiffRow {
  std::string tensor, mode;  ///< of payloads, mode is empty
  bool inA = true, inB = true;
  std::vector<DiffMetric> metrics;
  std::vector<std::string> remarks;  ///< "codec entropy → bitpack", "another output"

  [[nodiscard]] bool differs() const;  ///< something beyond noise and threshold, a remark, or on one side only
  [[nodiscard]] const DiffMetric* find(std::string_view metric) const;
};

/// What two runs must have in common for a difference to mean something: model, device, every setting, how far they came.
struct RunCondition {
  std::string name;   ///< "model", "budget", "threads"
  std::string value;  ///< equal where the condition is
  std::string shown;  ///< for people: "chat-nf4", "14.00 MiB"
};
[[nodiscard]] std::vector<RunCondition> conditionsOf(const BenchmarkRun& run);
/// "budget: 14.00 MiB and none", one each that is not the same; a setting that one record does not know is no difference.
[[nodiscard]] std::vector<std::string> conditionsApart(const std::vector<RunCondition>& a, const std::vector<RunCondition>& b);

/// The one rule for noise: a figure differs when it changed by more than `threshold` of a's and by more than the repetitions'
/// spread. Without `comparable` it is not judged: Changed at most.
[[nodiscard]] DiffMetric::Verdict judge(const FigureValue& a, const FigureValue& b, Wanted wanted, double threshold,
                                        bool comparable);
/// The same for a run's figure: what is counted differs when it changed at all; memory of a whole process scatters as times do.
[[nodiscard]] DiffMetric::Verdict judge(const RunFigure& figure, const FigureValue& a, const FigureValue& b, double threshold,
                                        bool comparable);

struct RunDiff {
  std::vector<std::string> notes;  ///< what both sides must have in common to be compared, and do not: model, device, settings
  std::vector<std::string> apart;  ///< of two runs: conditionsApart(); empty: their differences mean something
  std::optional<DiffRow> figures;  ///< of two runs: the figures of figuresOf(), as one row
  std::vector<DiffRow> rows;       ///< in a's order, then what only b has
  [[nodiscard]] bool comparable() const { return apart.empty(); }
  [[nodiscard]] std::size_t differing() const;
};

/// Rows are matched by tensor and mode. A measured figure differs as judge() says; a counted one when it changed. Runs under
/// other conditions are set side by side all the same, and said to be; then nothing is better or worse.
[[nodiscard]] RunDiff compareRuns(const BenchmarkRun& a, const BenchmarkRun& b, double threshold = kDiffThreshold);
/// Tables of two payloads, matched by name.
[[nodiscard]] RunDiff comparePayloads(const std::vector<TensorStats>& a, const std::vector<TensorStats>& b);

/// Tensor, mode, side and metric a line (RFC 4180), the runs' own figures first, as tensor "(run)"; without `all`, those that
/// differ.
[[nodiscard]] std::string toCsv(const RunDiff& diff, bool all);

}  // namespace deltascope
