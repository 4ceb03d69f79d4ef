// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/charts/live_chart.h"

#include <QHelpEvent>
#include <QLabel>
#include <QStackedLayout>
#include <QToolTip>
#include <algorithm>
#include <cmath>
#include <limits>

#include "ui/charts/build_parts.h"
#include "ui/charts/line_marks.h"
#include "ui/charts/live_points.h"
#include "ui/charts/numbers.h"
#include "ui/charts/plot.h"
#include "ui/frame/metrics.h"

namespace deltascope::ui {
namespace {

constexpr int kDescribeMs = 1000;
constexpr std::size_t kExported = 2000;
constexpr std::size_t kSparse = 60;  // so few points are dots on the line as well
constexpr int kDotPixels = 4;

}  // namespace

struct LiveChart::Series {
  LiveSeries what;
  LivePoints points;
  std::optional<LivePoints> frozen;  // what is shown while paused
  QColor colour;
  QCPGraph* graph = nullptr;
  [[nodiscard]] const LivePoints& shown() const { return frozen ? *frozen : points; }
};

LiveChart::LiveChart(LiveAxes axes, QList<LiveSeries> series, QWidget* parent) : QWidget(parent), m_axes(std::move(axes)) {
  setFocusPolicy(Qt::NoFocus);
  m_plot = new Plot;
  m_plot->setObjectName(QStringLiteral("livePlot"));
  m_plot->installEventFilter(this);
  m_plot->setNoAntialiasingOnDrag(true);
  m_plot->setInteractions(QCP::iRangeDrag | QCP::iRangeZoom);
  m_plot->axisRect()->setRangeDrag(Qt::Horizontal);
  m_plot->axisRect()->setRangeZoom(Qt::Horizontal);
  for (LiveSeries& each : series) {
    auto made = std::make_unique<Series>();
    made->what = std::move(each);
    m_series.push_back(std::move(made));
  }
  // What is being watched is drawn over its context.
  for (const bool context : {true, false})
    for (auto& each : m_series) {
      if ((each->what.look == LiveSeries::Look::Context) != context) continue;
      each->graph = m_plot->addGraph();
      each->graph->setSelectable(QCP::stNone);
      each->graph->setAdaptiveSampling(each->what.look != LiveSeries::Look::Dots);
    }
  m_marks = new LineMarks(*m_plot);
  m_empty = new QLabel;
  m_empty->setObjectName(QStringLiteral("emptyText"));
  m_empty->setAlignment(Qt::AlignCenter);
  m_empty->setWordWrap(true);
  m_empty->setAutoFillBackground(true);
  auto* layout = new QStackedLayout(this);
  layout->addWidget(m_empty);
  layout->addWidget(m_plot);
  // Pixels are known after the layout, before anything is drawn; resizing and zooming come by here too.
  connect(m_plot, &QCustomPlot::afterLayout, this, &LiveChart::fill);
  connect(m_plot->xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this, &LiveChart::userZoomed);
  connect(m_plot, &QCustomPlot::mouseDoubleClick, this, [this] { setFollow(true); });
  m_frames.setInterval(kFastestMs);
  connect(&m_frames, &QTimer::timeout, this, [this] {
    if (m_changed)
      frame();
    else
      m_frames.stop();
  });
  m_describe.setSingleShot(true);
  m_describe.setInterval(kDescribeMs);
  connect(&m_describe, &QTimer::timeout, this, &LiveChart::describeNow);
  applyStyle();
}

LiveChart::~LiveChart() = default;

void LiveChart::append(int series, double position, double value) {
  if (series < 0 || series >= static_cast<int>(m_series.size())) return;
  m_series[static_cast<std::size_t>(series)]->points.append(position, value);
  if (!m_paused) schedule();
}

void LiveChart::setLimit(std::optional<double> value, const QString& label) {
  m_limit.reset();
  if (value && std::isfinite(*value)) m_limit = LinesChart::Limit{*value, label};
  m_marks->setLimit(m_limit);
  schedule();
}

void LiveChart::setPositionNames(const QStringList& names) {
  if (m_names == names) return;
  m_names = names;
  nameTicks();
  schedule();
}

void LiveChart::nameTicks() {
  if (m_names.isEmpty()) return m_plot->xAxis->setTicker(QSharedPointer<QCPAxisTicker>(new CountTicker));
  ++m_cost.names;
  m_plot->xAxis->setTicker(QSharedPointer<QCPAxisTicker>(new NameTicker(*m_plot->xAxis, m_names)));
}

void LiveChart::setEmptyText(const QString& text) {
  m_empty->setText(text);
  if (isEmpty()) setAccessibleDescription(text);
}

void LiveChart::clear() {
  for (auto& each : m_series) {
    each->points.clear();
    if (each->frozen) each->frozen->clear();
  }
  frame();
}

void LiveChart::setPaused(bool paused) {
  if (m_paused == paused) return;
  m_paused = paused;
  for (auto& each : m_series) {
    each->frozen.reset();
    if (paused) each->frozen = each->points;
  }
  schedule();
}

void LiveChart::setFollow(bool follow) {
  if (m_follow == follow) return;
  m_follow = follow;
  schedule();
  emit followChanged(follow);
}

double LiveChart::peak(int series) const {
  if (series < 0 || series >= static_cast<int>(m_series.size())) return std::numeric_limits<double>::quiet_NaN();
  const auto highest = m_series[static_cast<std::size_t>(series)]->points.highest();
  return highest ? highest->second : std::numeric_limits<double>::quiet_NaN();
}

bool LiveChart::isEmpty() const {
  return std::all_of(m_series.begin(), m_series.end(), [](const auto& each) { return each->points.isEmpty(); });
}

LinesChart LiveChart::chart() const {
  LinesChart chart;
  chart.positionLabel = m_axes.positionLabel;
  chart.valueLabel = m_axes.valueLabel;
  chart.limit = m_limit;
  chart.fromZero = true;
  for (const auto& each : m_series) {
    using Look = LinesChart::Line::Look;
    LinesChart::Line line{each->what.label, thinned(each->points.points(), kExported)};
    line.dots = line.points.size() <= kSparse;
    line.markPeak = each->what.peak;
    line.look = each->what.look == LiveSeries::Look::Main      ? Look::Main
                : each->what.look == LiveSeries::Look::Context ? Look::Context
                                                               : Look::Dots;
    chart.lines.push_back(std::move(line));
  }
  return chart;
}

void LiveChart::schedule() {
  m_changed = true;
  if (isVisible() && !m_frames.isActive()) m_frames.start();
}

void LiveChart::drawNow() {
  if (!m_changed || !isVisible()) return;
  m_frames.stop();
  frame();
}

void LiveChart::frame() {
  m_changed = false;
  const bool empty = std::all_of(m_series.begin(), m_series.end(), [](const auto& each) { return each->shown().isEmpty(); });
  static_cast<QStackedLayout*>(layout())->setCurrentWidget(empty ? static_cast<QWidget*>(m_empty) : m_plot);
  if (!m_describe.isActive()) m_describe.start();
  if (empty) return;
  ++m_cost.frames;
  fitRanges();
  m_plot->replot(QCustomPlot::rpQueuedReplot);
}

void LiveChart::fitRanges() {
  double first = 0, last = 0, low = 0, high = 0;
  bool any = false, peaks = false;
  for (const auto& each : m_series) {
    const LivePoints& points = each->shown();
    peaks |= each->what.peak;
    if (points.isEmpty()) continue;
    first = any ? std::min(first, points.firstPosition()) : points.firstPosition();
    last = any ? std::max(last, points.lastPosition()) : points.lastPosition();
    low = any ? std::min(low, points.lowestValue()) : points.lowestValue();
    high = any ? std::max(high, points.highest()->second) : points.highest()->second;
    any = true;
  }
  if (m_limit) {
    low = std::min(low, m_limit->value);
    high = std::max(high, m_limit->value);
  }
  // Amounts are seen against nothing; room above for the words on the highest line.
  low = std::min(low, 0.0);
  const double span = high > low ? high - low : 1;
  m_fitting = true;
  m_plot->yAxis->setRange(low < 0 ? low - 0.05 * span : 0, low + span * (peaks || m_limit ? 1.16 : 1.06));
  if (m_follow && !m_names.isEmpty())
    m_plot->xAxis->setRange(-0.5, std::max(last, double(m_names.size() - 1)) + 0.5);
  else if (m_follow)
    m_plot->xAxis->setRange(first, last > first ? last : first + 1);
  m_fitting = false;
}

/// Hands the plot what the pixels can show, no more.
void LiveChart::fill() {
  const QRect area = m_plot->axisRect()->rect();
  const QCPRange across = m_plot->xAxis->range(), up = m_plot->yAxis->range();
  std::vector<LineMark> marks;
  for (auto& each : m_series) {
    const bool dots = each->what.look == LiveSeries::Look::Dots;
    const CellGrid grid{across.lower,
                        across.upper,
                        up.lower,
                        up.upper,
                        std::max(1, area.width() / kDotPixels),
                        std::max(1, area.height() / kDotPixels)};
    const auto points = each->shown().points();
    const auto seen = dots ? dotPoints(points, grid) : linePoints(points, across.lower, across.upper, area.width());
    QVector<QCPGraphData> drawn;
    drawn.reserve(static_cast<int>(seen.size()));
    for (const auto& [position, value] : seen) drawn.append({position, value});
    each->graph->data()->set(drawn, true);
    const bool sparse = seen.size() <= kSparse;
    const bool main = each->what.look == LiveSeries::Look::Main;
    each->graph->setPen(QPen(each->colour, main && sparse ? 2 : 1));
    each->graph->setAntialiased(seen.size() < static_cast<std::size_t>(area.width()));
    if (dots || sparse)
      each->graph->setScatterStyle({dots && !sparse ? QCPScatterStyle::ssSquare : QCPScatterStyle::ssDisc, each->colour,
                                    each->colour, dots ? double(kDotPixels) : 3.0});
    else
      each->graph->setScatterStyle(QCPScatterStyle::ssNone);
    LineMark mark{each->what.label, each->colour, {}, {}, {}};
    for (auto point = seen.rbegin(); point != seen.rend() && !mark.end; ++point)
      if (std::isfinite(point->second) && across.contains(point->first)) mark.end = QPointF(point->first, point->second);
    if (const auto highest = each->shown().highest(); highest && each->what.peak) {
      mark.peak = QPointF(highest->first, highest->second);
      mark.peakText = tr("peak %1").arg(m_axes.valueText ? m_axes.valueText(highest->second) : significant(highest->second));
    }
    marks.push_back(std::move(mark));
  }
  m_marks->setMarks(std::move(marks));
  m_marks->place();
}

void LiveChart::userZoomed() {
  if (m_fitting) return;
  setFollow(false);
}

QString LiveChart::valueAt(const QPoint& position) const {
  const QPoint at = m_plot->mapFrom(this, position);
  if (!m_plot->isVisible() || !m_plot->axisRect()->rect().contains(at)) return {};
  const double x = m_plot->xAxis->pixelToCoord(at.x());
  const Series* nearest = nullptr;
  ChartPoint found;
  double distance = std::numeric_limits<double>::infinity();
  const auto consider = [&](const Series& series, const ChartPoint& point) {
    if (!std::isfinite(point.second)) return;
    const double away =
        std::hypot(m_plot->xAxis->coordToPixel(point.first) - at.x(), m_plot->yAxis->coordToPixel(point.second) - at.y());
    if (away >= distance) return;
    distance = away;
    nearest = &series;
    found = point;
  };
  // All within a few pixels across, and one on either side.
  const double reach = kDotPixels * m_plot->xAxis->range().size() / std::max(1, m_plot->axisRect()->width());
  for (const auto& each : m_series)
    for (const ChartPoint& point : linePoints(each->shown().points(), x - reach, x + reach, 1'000'000'000 / 2))
      consider(*each, point);
  if (!nearest) return {};
  const QString value =
      m_axes.valueText ? m_axes.valueText(found.second) : significant(found.second, 4) + u' ' + m_axes.valueLabel;
  const double rounded = std::round(found.first);
  if (rounded >= 0 && rounded < double(m_names.size()))
    return QStringLiteral("%1: %2 %3").arg(m_names[static_cast<int>(rounded)], nearest->what.label, value);
  return QStringLiteral("%1: %2, %3 %4").arg(nearest->what.label, value, m_axes.positionLabel, significant(found.first, 4));
}

bool LiveChart::eventFilter(QObject* watched, QEvent* event) {
  if (watched == m_plot && event->type() == QEvent::ToolTip) {
    const auto* help = static_cast<QHelpEvent*>(event);
    const QString text = valueAt(m_plot->mapTo(this, help->pos()));
    if (text.isEmpty())
      QToolTip::hideText();
    else
      QToolTip::showText(help->globalPos(), text, m_plot, QRect(help->pos(), QSize(1, 1)));
    return true;
  }
  return QWidget::eventFilter(watched, event);
}

void LiveChart::applyStyle() {
  const ChartStyle style = chartStyle(palette(), font());
  preparePlot(*m_plot, style);
  m_plot->xAxis->setLabel(m_axes.positionLabel);
  m_plot->yAxis->setLabel(m_axes.valueLabel);
  ++m_cost.styles;
  nameTicks();
  QStringList labels;
  std::size_t colours = 0;
  for (auto& each : m_series) {
    const bool context = each->what.look == LiveSeries::Look::Context;
    each->colour = context ? style.muted : seriesColour(style, colours++);
    each->graph->setLineStyle(each->what.look == LiveSeries::Look::Dots ? QCPGraph::lsNone : QCPGraph::lsLine);
    labels << each->what.label;
  }
  m_marks->setStyle(style);
  m_marks->reserve(labels);
  QPalette words = palette();
  words.setColor(QPalette::Window, style.background);
  words.setColor(QPalette::WindowText, style.muted);
  m_empty->setPalette(words);
  m_empty->setMargin(steps(*this, 4));
  schedule();
}

void LiveChart::describeNow() {
  setAccessibleDescription(isEmpty() ? m_empty->text() : describe(chart()));
  m_plot->setAccessibleName(accessibleName());
  m_plot->setAccessibleDescription(accessibleDescription());
}

void LiveChart::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange) applyStyle();
}

void LiveChart::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  if (m_changed) frame();
}

void LiveChart::hideEvent(QHideEvent* event) {
  QWidget::hideEvent(event);
  m_frames.stop();
}

QSize LiveChart::minimumSizeHint() const { return {24 * fontMetrics().averageCharWidth(), 8 * fontMetrics().height()}; }
QSize LiveChart::sizeHint() const { return {60 * fontMetrics().averageCharWidth(), 12 * fontMetrics().height()}; }

}  // namespace deltascope::ui
