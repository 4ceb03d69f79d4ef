// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QString>

#include "core/inspect/inspect.h"
#include "ui/frame/message.h"

namespace deltascope::ui {

/// "NF4 + delta", "delta over a base", "checkpoint", "payload of the old scripts".
[[nodiscard]] QString modelKind(const Inspection& model);

/// Which base a payload wants: "chat, fingerprint e7d6…", as far as its file tells; empty: it does not.
[[nodiscard]] QString wantedBase(const Inspection& model);

/// What the message bar says of a payload of the old scripts: its findings, and how to convert it.
[[nodiscard]] Message scriptsMessage(const Inspection& model, const QString& name);

}  // namespace deltascope::ui
