// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// A benchmark run in words, as its page and its report say them.
#include <QString>
#include <optional>

#include "core/bench/bench.h"

namespace deltascope::ui {

/// The same as core's, which say what they give (core/bench/run_words.h).
[[nodiscard]] QString runVerdict(const BenchmarkRun& run);
[[nodiscard]] std::optional<bool> runPassed(const BenchmarkRun& run);
[[nodiscard]] QString rowVerdict(const BenchmarkRow& row);
[[nodiscard]] QString modeText(const std::string& mode);
[[nodiscard]] QString shortTensor(const std::string& name);

/// "1.22 (1.14–1.86)": median, least and most of milliseconds or tokens/s; "–" when empty.
[[nodiscard]] QString spreadText(const Timings& timings);
/// "+1.18 MiB", "−2.13 MiB", "0 B".
[[nodiscard]] QString signedBytes(std::int64_t bytes);
/// "+1.10", "−0.0120", "0".
[[nodiscard]] QString signedNumber(double value);
/// "1.18 MiB", as the command line writes sizes.
[[nodiscard]] QString sizeText(std::uint64_t bytes);
/// Model and the run's name, or what was measured: "chat-nf4, generation".
[[nodiscard]] QString runTitle(const BenchmarkRun& run);

}  // namespace deltascope::ui
