// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What changed from one run to another, or from one payload to another: signed differences, and which of them are noise.
#include <optional>
#include <string>
#include <vector>

#include "core/bench/bench.h"
#include "core/payload/payload.h"

namespace deltascope {

inline constexpr double kDiffThreshold = 0.05;

/// One figure of both sides; one of them may be missing.
struct DiffMetric {
  enum class Wanted : std::uint8_t { Neither, Less, More };
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

struct RunDiff {
  std::vector<std::string> notes;  ///< what both sides must have in common to be compared, and do not: model, device, settings
  std::vector<DiffRow> rows;       ///< in a's order, then what only b has
  [[nodiscard]] std::size_t differing() const;
};

/// Rows are matched by tensor and mode. A measured figure differs when it changed by more than `threshold` of a's and by more
/// than the repetitions' spread; a counted one when it changed. Runs of different models are compared all the same, and said to
/// be.
[[nodiscard]] RunDiff compareRuns(const BenchmarkRun& a, const BenchmarkRun& b, double threshold = kDiffThreshold);
/// Tables of two payloads, matched by name.
[[nodiscard]] RunDiff comparePayloads(const std::vector<TensorStats>& a, const std::vector<TensorStats>& b);

/// Tensor, mode, side and metric a line (RFC 4180); without `all`, those that differ.
[[nodiscard]] std::string toCsv(const RunDiff& diff, bool all);

}  // namespace deltascope
