// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QString>

#include "core/pipeline/inspect.h"

namespace deltascope::ui {

/// "NF4 + delta", "delta over a base", "checkpoint".
[[nodiscard]] QString modelKind(const Inspection& model);

}  // namespace deltascope::ui
