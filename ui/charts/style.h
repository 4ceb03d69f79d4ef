// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The colours and fonts of every chart, taken from the palette, and the two colour scales of the program.
#include <QColor>
#include <QFont>
#include <QPalette>

namespace deltascope::ui {

/// What a chart is drawn with. Plain data: views make one from their palette, files use exportStyle().
struct ChartStyle {
  QColor background;
  QColor text;        ///< values and titles
  QColor muted;       ///< axis labels, ticks, captions; at least 4.5:1 on the background
  QColor grid;        ///< thin lines behind the data
  QColor accent;      ///< the one colour of the data
  QColor accentFill;  ///< the accent over the background at 25 %, opaque
  QColor empty;       ///< cells without a value
  QFont font;
};

[[nodiscard]] ChartStyle chartStyle(const QPalette& palette, const QFont& font);
/// Light, whatever the window looks like: for files that go on paper and slides.
[[nodiscard]] ChartStyle exportStyle();

/// The colour of the i-th of several series that are told apart; the first is the accent. At least 4.5:1 on the background.
[[nodiscard]] QColor seriesColour(const ChartStyle& style, std::size_t i);

/// The font at `factor` times its size, whether that is in points or pixels.
[[nodiscard]] QFont scaledFont(QFont font, double factor);
/// `front` over `back` with `alpha` 0…1, opaque.
[[nodiscard]] QColor blend(const QColor& front, const QColor& back, double alpha);
/// The perceptual scale of metrics (viridis, Smith and van der Walt, CC0), t in 0…1; clamps, and treats NaN as 0.
[[nodiscard]] QColor metricColour(double t);
/// Black or white, whichever is easier to read on `background`.
[[nodiscard]] QColor readableOn(const QColor& background);

}  // namespace deltascope::ui
