// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/theme.h"

#include <QApplication>
#include <algorithm>
#include <cmath>

#include "ui/frame/style.h"

namespace deltascope::ui {

Theme themeFromName(const QString& name) {
  if (name == "light") return Theme::Light;
  if (name == "dark") return Theme::Dark;
  return Theme::System;
}

QString nameOf(Theme theme) {
  switch (theme) {
    case Theme::Light:
      return "light";
    case Theme::Dark:
      return "dark";
    case Theme::System:
      break;
  }
  return "system";
}

const ThemeColors& lightColors() {
  static const ThemeColors colors{.dark = false,
                                  .window = "#f2f3f5",
                                  .base = "#ffffff",
                                  .alternate = "#f8f9fa",
                                  .raised = "#fbfbfc",
                                  .text = "#1b1f24",
                                  .muted = "#566069",
                                  .faint = "#8c959f",
                                  .line = "#d3d7dc",
                                  .accent = "#2260c9",
                                  .onAccent = "#ffffff",
                                  .good = "#186f31",
                                  .bad = "#b4232a",
                                  .warn = "#835400"};
  return colors;
}

const ThemeColors& darkColors() {
  static const ThemeColors colors{.dark = true,
                                  .window = "#1d2025",
                                  .base = "#16191d",
                                  .alternate = "#1a1d22",
                                  .raised = "#2a2e35",
                                  .text = "#e2e5e9",
                                  .muted = "#a0a8b2",
                                  .faint = "#6b7380",
                                  .line = "#363c45",
                                  .accent = "#6aa5f8",
                                  .onAccent = "#0b1220",
                                  .good = "#62c97f",
                                  .bad = "#ff8078",
                                  .warn = "#e3b453"};
  return colors;
}

const ThemeColors& colorsOf(const QPalette& palette) {
  return palette.color(QPalette::Active, QPalette::Window).lightness() < 128 ? darkColors() : lightColors();
}

QPalette paletteFor(const ThemeColors& c) {
  QPalette palette(c.raised, c.window);
  palette.setColor(QPalette::Window, c.window);
  palette.setColor(QPalette::WindowText, c.text);
  palette.setColor(QPalette::Base, c.base);
  palette.setColor(QPalette::AlternateBase, c.alternate);
  palette.setColor(QPalette::Text, c.text);
  palette.setColor(QPalette::PlaceholderText, c.muted);
  palette.setColor(QPalette::Button, c.raised);
  palette.setColor(QPalette::ButtonText, c.text);
  palette.setColor(QPalette::BrightText, c.bad);
  palette.setColor(QPalette::ToolTipBase, c.raised);
  palette.setColor(QPalette::ToolTipText, c.text);
  palette.setColor(QPalette::Highlight, c.accent);
  palette.setColor(QPalette::HighlightedText, c.onAccent);
  palette.setColor(QPalette::Link, c.accent);
  palette.setColor(QPalette::LinkVisited, c.accent);
  palette.setColor(QPalette::Light, c.dark ? c.line : c.base);
  palette.setColor(QPalette::Midlight, c.dark ? c.line : c.raised);
  palette.setColor(QPalette::Mid, c.line);
  palette.setColor(QPalette::Dark, c.dark ? c.base : c.faint);
  palette.setColor(QPalette::Shadow, c.dark ? QColor("#000000") : c.faint);
  for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
    palette.setColor(QPalette::Disabled, role, c.faint);
  palette.setColor(QPalette::Disabled, QPalette::Highlight, c.line);
  palette.setColor(QPalette::Disabled, QPalette::HighlightedText, c.muted);
  return palette;
}

SystemLook systemLook() { return {QApplication::palette(), QApplication::font()}; }

void applyTheme(QApplication& application, Theme theme, int zoomPercent, const SystemLook& system) {
  if (!qobject_cast<CalmStyle*>(application.style())) application.setStyle(new CalmStyle);
  const bool dark = theme == Theme::Dark || (theme == Theme::System && colorsOf(system.palette).dark);
  application.setPalette(paletteFor(dark ? darkColors() : lightColors()));
  QFont font = system.font;
  const double points = font.pointSizeF() > 0 ? font.pointSizeF() : 10.0;
  font.setPointSizeF(points * std::clamp(zoomPercent, kMinZoom, kMaxZoom) / 100.0);
  application.setFont(font);
}

double contrastRatio(const QColor& a, const QColor& b) {
  // WCAG 2.1, "relative luminance".
  const auto luminance = [](const QColor& color) {
    const auto channel = [](double v) { return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4); };
    return 0.2126 * channel(color.redF()) + 0.7152 * channel(color.greenF()) + 0.0722 * channel(color.blueF());
  };
  const double la = luminance(a), lb = luminance(b);
  return (std::max(la, lb) + 0.05) / (std::min(la, lb) + 0.05);
}

}  // namespace deltascope::ui
