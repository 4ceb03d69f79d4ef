// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A benchmark run in words, as the window, the reports and the command line say them.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bench/run_figures.h"

namespace deltascope {

/// One sentence, verdict first: "✓ bit-exact: 7 of 7 checks in 2 tensors, every reconstruction gave the resident weight's bits
/// and output; jit, 1 tensor: latency 1.77 ms against 0.0830 ms resident, rebuild 2.38 GB/s, peak 3.27 MiB of the budget of
/// 14.00 MiB; 3 not measured". A run that did not come to its end says so first ("– partial: cancelled after 3 of 74 tensors;
/// …"). Figures are those of figuresOf(run).
[[nodiscard]] std::string runSentence(const BenchmarkRun& run);
/// For a cell: "✓ bit-exact", "✓ reproducible, 1 not measured", "✕ not passed", "– partial", "– nothing measured".
[[nodiscard]] std::string shortVerdict(const BenchmarkRun& run);
/// Whether runSentence is good news (✓), bad (✕) or neither (–); empty: neither.
[[nodiscard]] std::optional<bool> passedOf(const BenchmarkRun& run);
/// "complete"; "cancelled, partial", "failed, partial", "partial": a run that did not come to its end is never called more.
[[nodiscard]] std::string stateWords(BenchmarkState state);

/// "jit, 73 tensors: latency 495 ms against 37.1 ms resident, rebuild 2.38 GB/s", "generation as planned: 700 tokens/s, first
/// token after 5.50 ms"; each with the peak of its mode and the budget. Empty where nothing was measured.
[[nodiscard]] std::string figuresSentence(const BenchmarkRun& run, const RunFigures& figures);
/// "peak 3.27 MiB of the budget of 14.00 MiB", "peak 3.27 MiB"; empty without a peak.
[[nodiscard]] std::string peakWords(const RunFigures& figures);

/// "✓ bit-exact: 2,097,152 of 2,097,152", "✓ same logits each time", "✕ 3 of 256 differ". The base alone is not expected to be
/// exact: "– 2,036,236 of 2,097,152 differ".
[[nodiscard]] std::string rowSentence(const BenchmarkRow& row);
/// What a row's mode is: "jit", "base alone", "old scripts (additive)", "zstd", "as planned".
[[nodiscard]] std::string modeWords(std::string_view mode);
/// Without what all names share: "layers.0.self_attn.q_proj"; "(generation)" as it is.
[[nodiscard]] std::string shortTensorName(std::string_view name);
/// What to say of an overhead that is none: "within the noise" of the repetitions, "faster than resident"; empty of others.
[[nodiscard]] std::string_view overheadNote(const BenchmarkRow& row);
/// The repetitions' scatter of an overhead, ms.
[[nodiscard]] double overheadNoiseMs(const BenchmarkRow& row);

/// How busy the machine was: "others kept 0.71 of 2 processors busy, this program 1.20; load average 3.8 before, 4.1 after".
[[nodiscard]] std::string loadWords(const MachineLoad& load);

}  // namespace deltascope
