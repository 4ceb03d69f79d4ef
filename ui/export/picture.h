// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Charts as files: on a light background, with a title, a line of context and a line that says where the numbers come from.
#include <QByteArray>
#include <QDateTime>
#include <QImage>
#include <QString>
#include <stop_token>

#include "core/base/result.h"
#include "ui/charts/chart.h"

namespace deltascope::ui {

struct Caption {
  QString title;     ///< "Histogram of the delta"
  QString subtitle;  ///< "layers.0.q_proj.weight, 65,536 elements"; may be empty
  QString source;    ///< see sourceLine()
};
/// "model.delta.safetensors · deltascope 0.1.0 · 2026-11-23 14:05".
[[nodiscard]] QString sourceLine(const QString& file, const QDateTime& when);

/// Logical size of the whole picture, caption included.
[[nodiscard]] QSize pictureSize(const Chart& chart);
/// `scale` pixels a logical pixel. Thread: the window's. Null only for an empty chart.
[[nodiscard]] QImage renderChart(const Chart& chart, const Caption& caption, double scale = 2);
/// The same from any thread: draws in the window's thread, one chart a turn of its event loop. Stops waiting when asked to
/// stop.
[[nodiscard]] Result<QImage> renderChartAnywhere(const Chart& chart, const Caption& caption, double scale,
                                                 const std::stop_token& stop);

[[nodiscard]] QByteArray pngBytes(const QImage& image);
/// One page of exactly the picture's size, vectors and text. Thread: the window's.
[[nodiscard]] QByteArray pdfBytes(const Chart& chart, const Caption& caption);
/// Vectors, and text as text. Thread: the window's.
[[nodiscard]] QByteArray svgBytes(const Chart& chart, const Caption& caption);
/// By the path's suffix, .png, .svg or .pdf; whole or not at all. An empty chart is refused: never an empty picture.
[[nodiscard]] Result<void> writeChart(const Chart& chart, const Caption& caption, const QString& path);

}  // namespace deltascope::ui
