// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The command lines that make figures again.
#include <QString>
#include <filesystem>

#include "core/bench/bench.h"

namespace deltascope::ui {

/// `deltascope-cli bench PATH --preset small-and-large --device cpu --repeat 10 --warmup 2 --seed 1 …`: the same run again, as
/// far as its record tells. Presets are named where the run's tensors are theirs; a prompt that the seed did not make is given
/// as ids.
[[nodiscard]] QString benchmarkCommand(const BenchmarkRun& run);

/// As a shell reads it as one word.
[[nodiscard]] QString shellWord(const QString& text);
[[nodiscard]] QString shellWord(const std::filesystem::path& path);

}  // namespace deltascope::ui
