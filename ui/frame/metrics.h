// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Lengths that follow the font, so that zoom and screen scale reach everything.
#include <QFontMetricsF>
#include <QWidget>

namespace deltascope::ui {

/// `n` steps of 4 px at 100 %.
[[nodiscard]] inline int steps(const QWidget& widget, double n) {
  return qRound(n * 4.0 * QFontMetricsF(widget.font()).height() / 16.0);
}
/// Width of `n` average characters.
[[nodiscard]] inline int characters(const QWidget& widget, double n) {
  return qRound(n * QFontMetricsF(widget.font()).averageCharWidth());
}

}  // namespace deltascope::ui
