// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// A benchmark run in words, as its page and its report say them.
#include <QString>
#include <optional>

#include "core/bench/bench.h"

namespace deltascope::ui {

/// One sentence, verdict first: "✓ bit-exact: every reconstruction gave the resident weight's bits and output; embed_tokens
/// 8192 × 256, jit: 0.880 ms with reconstruction against 0.0830 ms resident; saves 1.18 MiB". Skips are counted at the end. A
/// run that did not come to its end says so first ("– cancelled after 3 results: …").
[[nodiscard]] QString runVerdict(const BenchmarkRun& run);
/// Whether runVerdict is good news (✓), bad (✕) or neither (–); empty: neither.
[[nodiscard]] std::optional<bool> runPassed(const BenchmarkRun& run);

/// "✓ bit-exact: 2,097,152 of 2,097,152", "✓ same logits each time", "✕ 3 of 256 differ". The base alone is not expected to be
/// exact: "– 2,036,236 of 2,097,152 differ".
[[nodiscard]] QString rowVerdict(const BenchmarkRow& row);
/// What a row's mode is: "jit", "base alone", "old scripts (additive)", "zstd", "as planned".
[[nodiscard]] QString modeText(const std::string& mode);
/// Without what all names share: "layers.0.self_attn.q_proj"; "(generation)" as it is.
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
