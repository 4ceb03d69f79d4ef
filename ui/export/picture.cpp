// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/export/picture.h"

#include <qcustomplot.h>

#include <QBuffer>
#include <QCoreApplication>
#include <QFileInfo>
#include <QPageSize>
#include <QPdfWriter>
#include <QSvgGenerator>
#include <QThread>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "ui/charts/build.h"
#include "ui/charts/heat_map_paint.h"
#include "ui/export/files.h"

namespace deltascope::ui {
namespace {

constexpr int kMargin = 16;
constexpr int kTitleHeight = 22;
constexpr int kLineHeight = 18;
constexpr int kGap = 8;

int headHeight() { return kTitleHeight + kLineHeight + kGap; }

void paintText(QPainter& painter, const QRect& where, const QFont& font, const QColor& colour, const QString& text) {
  painter.setFont(font);
  painter.setPen(colour);
  painter.drawText(where, Qt::AlignLeft | Qt::AlignVCenter,
                   QFontMetrics(font).elidedText(text, Qt::ElideMiddle, where.width()));
}

void paintPicture(QCPPainter& painter, const Chart& chart, const Caption& caption) {
  const ChartStyle style = exportStyle();
  const QSize size = pictureSize(chart);
  painter.fillRect(QRect({0, 0}, size), style.background);
  const int width = size.width() - 2 * kMargin;
  QFont title = scaledFont(style.font, 1.25);
  title.setBold(true);
  paintText(painter, {kMargin, kMargin, width, kTitleHeight}, title, style.text, caption.title);
  paintText(painter, {kMargin, kMargin + kTitleHeight, width, kLineHeight}, style.font, style.muted, caption.subtitle);
  paintText(painter, {kMargin, size.height() - kMargin - kLineHeight, width, kLineHeight}, scaledFont(style.font, 0.85),
            style.muted, caption.source);

  const QRect body({kMargin, kMargin + headHeight()}, preferredSize(chart));
  painter.save();
  if (const auto* heatMap = std::get_if<HeatMapChart>(&chart)) {
    paintHeatMap(painter, *heatMap, layOutHeatMap(*heatMap, body, style.font), style);
  } else {
    QCustomPlot plot;
    plot.setBufferDevicePixelRatio(1);
    buildChart(plot, chart, style);
    painter.translate(body.topLeft());
    plot.toPainter(&painter, body.width(), body.height());
  }
  painter.restore();
}

}  // namespace

QString sourceLine(const QString& file, const QDateTime& when) {
  return QStringLiteral("%1 · deltascope %2 · %3")
      .arg(file, QStringLiteral(DELTASCOPE_VERSION), when.toString(QStringLiteral("yyyy-MM-dd HH:mm")));
}

QSize pictureSize(const Chart& chart) {
  const QSize body = preferredSize(chart);
  return {body.width() + 2 * kMargin, body.height() + headHeight() + kGap + kLineHeight + 2 * kMargin};
}

QImage renderChart(const Chart& chart, const Caption& caption, double scale) {
  if (isEmpty(chart)) return {};
  const QSize size = pictureSize(chart);
  QImage image((QSizeF(size) * scale).toSize(), QImage::Format_RGB32);
  image.setDevicePixelRatio(scale);
  image.fill(Qt::white);
  QCPPainter painter(&image);
  painter.setRenderHints(QPainter::Antialiasing | QPainter::TextAntialiasing);
  paintPicture(painter, chart, caption);
  painter.end();
  return image;
}

Result<QImage> renderChartAnywhere(const Chart& chart, const Caption& caption, double scale, const std::stop_token& stop) {
  auto* application = QCoreApplication::instance();
  if (QThread::currentThread() == application->thread()) return renderChart(chart, caption, scale);
  struct Shared {
    std::mutex mutex;
    std::condition_variable_any ready;
    std::optional<QImage> image;
  };
  auto shared = std::make_shared<Shared>();
  // Copies: the caller may be gone by the time it is drawn.
  QMetaObject::invokeMethod(
      application,
      [shared, chart, caption, scale] {
        QImage image = renderChart(chart, caption, scale);
        const std::lock_guard lock(shared->mutex);
        shared->image = std::move(image);
        shared->ready.notify_all();
      },
      Qt::QueuedConnection);
  std::unique_lock lock(shared->mutex);
  if (!shared->ready.wait(lock, stop, [&] { return shared->image.has_value(); }))
    return fail(ErrorCode::Cancelled, "cancelled while drawing");
  return std::move(*shared->image);
}

QByteArray pngBytes(const QImage& image) {
  QBuffer buffer;
  buffer.open(QIODevice::WriteOnly);
  image.save(&buffer, "PNG");
  return buffer.data();
}

QByteArray pdfBytes(const Chart& chart, const Caption& caption) {
  if (isEmpty(chart)) return {};
  QBuffer buffer;
  buffer.open(QIODevice::WriteOnly);
  {
    QPdfWriter writer(&buffer);
    constexpr int kDpi = 96;  // one logical pixel is one unit
    writer.setResolution(kDpi);
    writer.setTitle(caption.title);
    writer.setCreator(QStringLiteral("deltascope " DELTASCOPE_VERSION));
    writer.setPageSize(QPageSize(QSizeF(pictureSize(chart)) * 72.0 / kDpi, QPageSize::Point, {}, QPageSize::ExactMatch));
    writer.setPageMargins(QMarginsF(0, 0, 0, 0));
    QCPPainter painter(&writer);
    painter.setMode(QCPPainter::pmVectorized);
    painter.setMode(QCPPainter::pmNoCaching);
    paintPicture(painter, chart, caption);
  }
  return buffer.data();
}

QByteArray svgBytes(const Chart& chart, const Caption& caption) {
  if (isEmpty(chart)) return {};
  QBuffer buffer;
  buffer.open(QIODevice::WriteOnly);
  {
    QSvgGenerator generator;
    generator.setOutputDevice(&buffer);
    generator.setResolution(96);  // one logical pixel is one unit
    generator.setSize(pictureSize(chart));
    generator.setViewBox(QRect({0, 0}, pictureSize(chart)));
    generator.setTitle(caption.title);
    generator.setDescription(describe(chart));
    QCPPainter painter(&generator);
    painter.setMode(QCPPainter::pmVectorized);
    painter.setMode(QCPPainter::pmNoCaching);
    paintPicture(painter, chart, caption);
  }
  return buffer.data();
}

Result<void> writeChart(const Chart& chart, const Caption& caption, const QString& path) {
  if (isEmpty(chart))
    return fail(ErrorCode::InvalidArgument, "there is nothing to draw in \"" + caption.title.toStdString() + "\"");
  const QString suffix = QFileInfo(path).suffix().toLower();
  if (suffix == QLatin1String("png")) return writeWhole(path, pngBytes(renderChart(chart, caption)));
  if (suffix == QLatin1String("svg")) return writeWhole(path, svgBytes(chart, caption));
  if (suffix == QLatin1String("pdf")) return writeWhole(path, pdfBytes(chart, caption));
  return fail(ErrorCode::InvalidArgument, path.toStdString() + ": unknown kind of picture",
              "end the name in .png, .svg or .pdf");
}

}  // namespace deltascope::ui
