// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QString>
#include <QStringList>

namespace deltascope::ui {

inline constexpr int kMaxRecents = 10;
/// `path` first, no path twice, at most kMaxRecents.
[[nodiscard]] QStringList withRecent(QStringList recents, const QString& path);
/// A model's short name for titles: the folder's or file's name without `.delta.safetensors`, `.safetensors`.
[[nodiscard]] QString modelName(const QString& path);
/// `path` with the home folder as "~".
[[nodiscard]] QString shortPath(const QString& path);

}  // namespace deltascope::ui
