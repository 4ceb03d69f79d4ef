// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The model in one line.
#include <QString>

#include "core/inspect/inspect.h"
#include "ui/payload/tensor_model.h"

namespace deltascope::ui {

/// "8.39 M weights · base 4.50 + delta 6.62 = 11.12 bits/weight · 30.5 % smaller than BF16". Over a base of the final's own
/// type only the delta is counted, and that is said.
[[nodiscard]] QString summaryText(const Inspection& model);
[[nodiscard]] QString summaryToolTip(const Inspection& model);  ///< the exact bytes behind it

/// "bit-exact: not verified", "⟳ verifying: 12 of 74", "✓ bit-exact: 74 of 74 tensors", "✕ 3 of 74 tensors differ".
[[nodiscard]] QString verdictSummary(const VerdictCounts& counts);

}  // namespace deltascope::ui
