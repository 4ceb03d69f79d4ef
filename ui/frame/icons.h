// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Icons are alpha masks in several sizes (resources/icons), tinted with the palette's text colour when they are asked for.
#include <QColor>
#include <QIcon>
#include <QPalette>
#include <QString>

namespace deltascope::ui {

/// Names as in resources/icons: "start", "payload", "pack", "open", "verify", "unpack", "cancel", "expand", "collapse", "info",
/// "success", "warning", "error", "copy", "export", "columns", "add", "remove", "up", "down", "log", "folder", "search",
/// "filter", "chat", "edit", "redo", "list", "settings". Ask again in PaletteChange.
[[nodiscard]] QIcon themedIcon(const QString& name, const QPalette& palette);
/// `selected`: on a selected row; invalid: `color` there too.
[[nodiscard]] QIcon tintedIcon(const QString& name, const QColor& color, const QColor& selected = {});

}  // namespace deltascope::ui
