// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QString>

#include "core/bench/bench.h"
#include "core/rebuild/verify.h"

namespace deltascope::ui {

/// What is known of the open model's losslessness. A shape and words first, colour second.
struct ModelVerdict {
  enum class Kind { None, NotVerified, Verifying, Exact, Different };
  Kind kind = Kind::None;
  QString text;  ///< "✓ bit-exact: 74 of 74 tensors", "✕ 3 tensors differ", "– not verified"; empty for None
};

[[nodiscard]] ModelVerdict notVerified();
/// After a benchmark, which checks the tensors it measures: "– 2 of 74 tensors checked by this run, bit-exact", "✕ 1 of 2
/// tensors checked by this run differs"; of one that generated: "– not verified: this run compared logits".
[[nodiscard]] ModelVerdict checkedBy(const BenchmarkRun& run, std::size_t total);
[[nodiscard]] ModelVerdict verifying(std::size_t done, std::size_t total, std::size_t different);
[[nodiscard]] ModelVerdict verdictOf(const VerifyResult& result);

}  // namespace deltascope::ui
