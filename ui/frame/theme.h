// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The two palettes, from one table of colours.
#include <QColor>
#include <QFont>
#include <QPalette>
#include <QString>

class QApplication;

namespace deltascope::ui {

enum class Theme { System, Light, Dark };
[[nodiscard]] Theme themeFromName(const QString& name);
[[nodiscard]] QString nameOf(Theme theme);  ///< "system", "light", "dark"

/// What a widget may paint with besides its palette.
struct ThemeColors {
  bool dark = false;
  QColor window, base, alternate, raised;  ///< backgrounds: frame, page, every other row, buttons
  QColor text, muted, faint;               ///< words, secondary words, disabled ones
  QColor line;                             ///< hairlines, chart grids
  QColor accent, onAccent;                 ///< selection, primary button, the line being watched
  QColor good, bad, warn;                  ///< verdicts and severities; always beside a word and a shape
};
[[nodiscard]] const ThemeColors& lightColors();
[[nodiscard]] const ThemeColors& darkColors();
/// The table that `palette` was made from, told by the lightness of its window colour: read it in PaletteChange.
[[nodiscard]] const ThemeColors& colorsOf(const QPalette& palette);
[[nodiscard]] QPalette paletteFor(const ThemeColors& colors);

/// What the program looked like before applyTheme touched it: Theme::System takes its side from the palette, zoom scales the
/// font.
struct SystemLook {
  QPalette palette;
  QFont font;
};
[[nodiscard]] SystemLook systemLook();

inline constexpr int kMinZoom = 70, kMaxZoom = 200;  ///< percent
/// Sets Fusion, the palette and the font for the whole program; every widget hears of it through PaletteChange and FontChange.
void applyTheme(QApplication& application, Theme theme, int zoomPercent, const SystemLook& system);

/// WCAG 2.1 contrast ratio, 1 … 21.
[[nodiscard]] double contrastRatio(const QColor& a, const QColor& b);

}  // namespace deltascope::ui
