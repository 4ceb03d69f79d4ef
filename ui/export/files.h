// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Files that exports write: whole or not at all.
#include <QByteArray>
#include <QString>

#include "core/base/result.h"

namespace deltascope::ui {

/// Writes the file under a temporary name and renames it into place; what was there before stays if anything fails.
[[nodiscard]] Result<void> writeWhole(const QString& path, const QByteArray& bytes);

/// `name` with everything but letters, digits, '.', '-' and '_' replaced, for suggested file names; never empty or hidden.
[[nodiscard]] QString fileNameOf(const QString& name);
/// `path`, with ".csv" … where it has no suffix of its own.
[[nodiscard]] QString withSuffix(const QString& path, const QString& suffix);

}  // namespace deltascope::ui
