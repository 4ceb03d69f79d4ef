// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The window's command line. Read before Qt starts, so that help, version and mistakes need no display.
#include <optional>
#include <string>
#include <vector>

#include "core/bench/bench.h"

namespace deltascope::window {

struct Arguments {
  enum class Task { Window, Report, Help, Version } task = Task::Window;
  std::string path;       ///< model to open; may be empty for the window
  std::string reportOut;  ///< folder of the report
  std::string base, final;
  std::string baseline;  ///< record of a run that a run's report is compared with
  /// Benchmarks of the report; empty: its own choice, and none when `noBenchmarks`.
  std::vector<BenchmarkPreset> benchmarks;
  bool noBenchmarks = false;
  std::string device;  ///< of the benchmarks; empty: the processor
  std::optional<std::uint64_t> memoryBudget;
  std::optional<unsigned> repeat;
  std::string reportOnly;  ///< the first option given that only a report takes
  std::string problem;     ///< what is wrong with the command line; empty: nothing
};
/// Options that are Qt's own (`-platform offscreen`, `-style=fusion` …) are left aside.
[[nodiscard]] Arguments parseArguments(const std::vector<std::string>& words);
[[nodiscard]] const char* helpText();

}  // namespace deltascope::window
