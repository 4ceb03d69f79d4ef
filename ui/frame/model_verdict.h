// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QString>

#include "core/pipeline/pipeline.h"

namespace deltascope::ui {

/// What is known of the open model's losslessness. A shape and words first, colour second.
struct ModelVerdict {
  enum class Kind { None, NotVerified, Verifying, Exact, Different };
  Kind kind = Kind::None;
  QString text;  ///< "✓ bit-exact: 74 of 74 tensors", "✕ 3 tensors differ", "– not verified"; empty for None
};

[[nodiscard]] ModelVerdict notVerified();
[[nodiscard]] ModelVerdict verifying(std::size_t done, std::size_t total, std::size_t different);
[[nodiscard]] ModelVerdict verdictOf(const VerifyResult& result);

}  // namespace deltascope::ui
