// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/charts/style.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "ui/frame/theme.h"

namespace deltascope::ui {
namespace {

constexpr std::array<QRgb, 9> kViridis{0xff440154, 0xff472d7b, 0xff3b528b, 0xff2c728e, 0xff21918c,
                                       0xff28ae80, 0xff5ec962, 0xffaddc30, 0xfffde725};

ChartStyle fromColors(const ThemeColors& colors, const QFont& font) {
  ChartStyle style;
  style.background = colors.base;
  style.text = colors.text;
  style.muted = colors.muted;
  style.grid = colors.line;
  style.accent = colors.accent;
  style.accentFill = blend(colors.accent, colors.base, 0.25);
  style.empty = blend(colors.text, colors.base, 0.06);
  style.font = font;
  return style;
}

}  // namespace

QFont scaledFont(QFont font, double factor) {
  if (font.pixelSize() > 0)
    font.setPixelSize(std::max(1, static_cast<int>(std::lround(font.pixelSize() * factor))));
  else
    font.setPointSizeF(font.pointSizeF() * factor);
  return font;
}

QColor blend(const QColor& front, const QColor& back, double alpha) {
  const auto mix = [alpha](int f, int b) { return static_cast<int>(std::lround(alpha * f + (1 - alpha) * b)); };
  return {mix(front.red(), back.red()), mix(front.green(), back.green()), mix(front.blue(), back.blue())};
}

QColor metricColour(double t) {
  if (!(t > 0)) return QColor::fromRgb(kViridis.front());
  if (t >= 1) return QColor::fromRgb(kViridis.back());
  const double at = t * static_cast<double>(kViridis.size() - 1);
  const auto i = static_cast<std::size_t>(at);
  return blend(QColor::fromRgb(kViridis[i + 1]), QColor::fromRgb(kViridis[i]), at - static_cast<double>(i));
}

QColor readableOn(const QColor& background) {
  return contrastRatio(background, Qt::white) >= contrastRatio(background, Qt::black) ? Qt::white : Qt::black;
}

ChartStyle chartStyle(const QPalette& palette, const QFont& font) { return fromColors(colorsOf(palette), font); }

QColor seriesColour(const ChartStyle& style, std::size_t i) {
  // Apart in lightness as well as hue, so that colour-blind readers and grey prints have something to hold.
  constexpr std::array<QRgb, 4> kOnLight{0xffb45309, 0xff0f766e, 0xff86198f, 0xff57534e};
  constexpr std::array<QRgb, 4> kOnDark{0xfff0a54a, 0xff5fd0bd, 0xffe39aec, 0xffc9c4bd};
  if (i == 0) return style.accent;
  const bool dark = style.background.lightness() < 128;
  return QColor::fromRgb((dark ? kOnDark : kOnLight)[(i - 1) % kOnLight.size()]);
}

ChartStyle exportStyle() {
  QFont font(QStringLiteral("sans-serif"));
  font.setStyleHint(QFont::SansSerif);
  font.setPixelSize(12);  // pixels: files look the same whatever the screen
  ChartStyle style = fromColors(lightColors(), font);
  style.background = Qt::white;
  return style;
}

}  // namespace deltascope::ui
