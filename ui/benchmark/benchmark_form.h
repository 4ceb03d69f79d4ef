// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// What a benchmark is asked to measure: plain data, checked, turned into the engine's request.
#include <QString>

#include "core/bench/bench.h"
#include "core/inspect/inspect.h"

namespace deltascope::ui {

struct BenchmarkForm {
  enum class What { SmallAndLarge, OneLayer, WholeModel, Tensors, Generation };
  What what = What::SmallAndLarge;
  QString tensors = "*q_proj*";  ///< Tensors: names as in a shell
  QString device = "cpu";
  QString budget;  ///< with a unit; empty: what is free
  int repeat = 10, warmup = 2;
  int batch = 1;                       ///< rows of input in a product
  int tokens = int(kBenchmarkTokens);  ///< Generation
  qint64 seed = 1;
  bool baselines = true;
  bool operator==(const BenchmarkForm&) const = default;
};

inline constexpr int kMostRepetitions = 100'000, kMostTokens = 1 << 20, kMostRows = 4096;

[[nodiscard]] QString labelOf(BenchmarkForm::What what);  ///< "small and large", "one layer", …
/// "small and large · CPU · 10 repetitions", for lists and names.
[[nodiscard]] QString summaryOf(const BenchmarkForm& form);
/// Why this form cannot run, in words; empty when it can.
[[nodiscard]] QString problemOf(const BenchmarkForm& form);
/// Of a form without a problem. `out` is left empty.
[[nodiscard]] BenchmarkRequest requestOf(const BenchmarkForm& form, const Inspection& model);

[[nodiscard]] QString toJson(const BenchmarkForm& form);
/// Unknown and malformed parts keep their defaults.
[[nodiscard]] BenchmarkForm benchmarkFormFromJson(const QString& text);

}  // namespace deltascope::ui
