// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/charts/line_marks.h"

#include <algorithm>

namespace deltascope::ui {
namespace {

/// Moves `at`, ascending, at least `step` apart within low … high.
void spread(std::vector<double>& at, double step, double low, double high) {
  for (std::size_t i = 0; i < at.size(); ++i) at[i] = std::max(at[i], i ? at[i - 1] + step : low);
  for (std::size_t i = at.size(); i-- > 0;) at[i] = std::min(at[i], i + 1 < at.size() ? at[i + 1] - step : high);
}

void setPixels(QCPItemPosition& position, const QPointF& at) {
  position.setType(QCPItemPosition::ptAbsolute);
  position.setCoords(at);
}

}  // namespace

LineMarks::LineMarks(QCustomPlot& plot) : QObject(&plot), m_plot(plot) {}

QCPItemText* LineMarks::newText() {
  auto* item = new QCPItemText(&m_plot);
  item->setClipToAxisRect(false);
  item->setSelectable(false);
  return item;
}

QCPItemText* LineMarks::text(std::vector<QCPItemText*>& pool, std::size_t i) {
  while (pool.size() <= i) pool.push_back(newText());
  pool[i]->setFont(m_style.font);
  pool[i]->setVisible(true);
  return pool[i];
}

void LineMarks::setStyle(const ChartStyle& style) { m_style = style; }

void LineMarks::setLimit(const std::optional<LinesChart::Limit>& limit) { m_limit = limit; }

void LineMarks::reserve(const QStringList& labels) {
  const QFontMetrics metrics(m_style.font);
  int widest = 0;
  for (const QString& label : labels) widest = std::max(widest, metrics.horizontalAdvance(label));
  m_plot.axisRect()->setAutoMargins(QCP::msLeft | QCP::msBottom | QCP::msTop);
  QMargins margins = m_plot.axisRect()->margins();
  margins.setRight(widest + metrics.height());
  m_plot.axisRect()->setMargins(margins);
}

void LineMarks::place() {
  for (auto* pool : {&m_endTexts, &m_peakTexts})
    for (auto* item : *pool) item->setVisible(false);
  for (auto* dot : m_dots) dot->setVisible(false);
  placeEnds();
  std::vector<QRectF> taken;
  if (m_limit) {
    const double y = m_plot.yAxis->coordToPixel(m_limit->value);
    const QRectF area = m_plot.axisRect()->rect();
    taken.emplace_back(area.left(), y - 1, area.width(), 2);
  }
  placePeaks(taken);
  placeLimit(taken);
}

void LineMarks::placeEnds() {
  const QRectF area = m_plot.axisRect()->rect();
  const double step = QFontMetricsF(m_style.font).height();
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < m_marks.size(); ++i)
    if (m_marks[i].end && !m_marks[i].label.isEmpty()) order.push_back(i);
  // Where not all fit, the first series have the room.
  order.resize(std::min(order.size(), static_cast<std::size_t>(std::max(1.0, area.height() / step))));
  const auto height = [this](std::size_t i) { return m_plot.yAxis->coordToPixel(m_marks[i].end->y()); };
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return height(a) < height(b); });
  std::vector<double> at;
  for (const auto i : order) at.push_back(std::clamp(height(i), area.top(), area.bottom()));
  spread(at, step, area.top() + step / 2, area.bottom() - step / 2);
  for (std::size_t k = 0; k < order.size(); ++k) {
    auto* item = text(m_endTexts, k);
    item->setText(m_marks[order[k]].label);
    item->setColor(m_marks[order[k]].colour);
    item->setPositionAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    setPixels(*item->position, {area.right() + step / 2, at[k]});
  }
}

void LineMarks::placePeaks(std::vector<QRectF>& taken) {
  const QRectF area = QRectF(m_plot.axisRect()->rect()).adjusted(-1, -1, 1, 1);
  const double radius = QFontMetricsF(m_style.font).height() / 4;
  std::size_t used = 0;
  for (const LineMark& mark : m_marks) {
    if (!mark.peak) continue;
    const QPointF at(m_plot.xAxis->coordToPixel(mark.peak->x()), m_plot.yAxis->coordToPixel(mark.peak->y()));
    if (!area.contains(at)) continue;
    if (m_dots.size() <= used) {
      auto* dot = new QCPItemEllipse(&m_plot);
      dot->setClipToAxisRect(false);
      dot->setSelectable(false);
      m_dots.push_back(dot);
    }
    auto* dot = m_dots[used];
    dot->setVisible(true);
    dot->setPen(QPen(m_style.background, 1));
    dot->setBrush(mark.colour);
    setPixels(*dot->topLeft, at - QPointF(radius, radius));
    setPixels(*dot->bottomRight, at + QPointF(radius, radius));
    auto* item = text(m_peakTexts, used++);
    item->setText(mark.peakText);
    item->setColor(mark.colour);
    placeNear(*item, at, false, taken);
  }
}

void LineMarks::placeLimit(std::vector<QRectF>& taken) {
  if (!m_line && !m_limit) return;
  if (!m_line) {
    m_line = new QCPItemLine(&m_plot);
    m_line->setSelectable(false);
    m_limitText = newText();
  }
  const QRectF area = m_plot.axisRect()->rect();
  const double y = m_limit ? m_plot.yAxis->coordToPixel(m_limit->value) : 0;
  const bool visible = m_limit && y >= area.top() - 1 && y <= area.bottom() + 1;
  m_line->setVisible(visible);
  m_limitText->setVisible(visible && !m_limit->label.isEmpty());
  if (!visible) return;
  m_line->setPen(QPen(m_style.text, 1, Qt::DashLine));
  setPixels(*m_line->start, {area.left(), y});
  setPixels(*m_line->end, {area.right(), y});
  m_limitText->setFont(m_style.font);
  m_limitText->setText(m_limit->label);
  m_limitText->setColor(m_style.text);
  taken.erase(taken.begin());  // the line itself may be touched
  placeNear(*m_limitText, {area.left(), y}, true, taken);
}

/// Beside `at`, or anywhere along the line at its height, inside of the plot and off everything in `taken`.
void LineMarks::placeNear(QCPItemText& item, const QPointF& at, bool onLine, std::vector<QRectF>& taken) {
  const QRectF area = m_plot.axisRect()->rect();
  const QFontMetricsF metrics(m_style.font);
  const QSizeF size(metrics.horizontalAdvance(item.text()) + 4, metrics.height());
  const double gap = onLine ? 1 : metrics.height() / 4;
  const double centre = std::clamp(at.x(), area.left() + size.width() / 2, area.right() - size.width() / 2);
  std::vector<QPointF> centres;
  const double above = at.y() - gap - size.height() / 2, below = at.y() + gap + size.height() / 2;
  if (onLine) {
    for (const double y : {above, below})
      for (const double share : {0.0, 1.0, 0.5})
        centres.emplace_back(area.left() + size.width() / 2 + share * (area.width() - size.width()), y);
  } else {
    const double beside = gap + 2 + size.width() / 2;
    // Below, clear of a flat line's other points.
    centres = {{centre, above},           {centre, below + size.height() / 2}, {at.x() + beside, at.y()},
               {at.x() - beside, at.y()}, {centre, above - size.height()},     {centre, below + 1.5 * size.height()}};
  }
  const auto rectAt = [&size](const QPointF& c) { return QRectF(c - QPointF(size.width() / 2, size.height() / 2), size); };
  const auto inside = [&](const QRectF& r) { return area.adjusted(-2, -2, 2, 2).contains(r); };
  const auto free = [&](const QRectF& r) {
    return std::none_of(taken.begin(), taken.end(), [&r](const QRectF& other) { return other.intersects(r); });
  };
  auto found =
      std::find_if(centres.begin(), centres.end(), [&](const QPointF& c) { return inside(rectAt(c)) && free(rectAt(c)); });
  if (found == centres.end())
    found = std::find_if(centres.begin(), centres.end(), [&](const QPointF& c) { return inside(rectAt(c)); });
  const QPointF where = found == centres.end() ? centres.front() : *found;
  item.setPositionAlignment(Qt::AlignCenter);
  setPixels(*item.position, where);
  QColor behind = m_style.background;
  behind.setAlphaF(0.75F);
  item.setBrush(behind);
  taken.push_back(rectAt(where));
  if (!onLine) taken.emplace_back(at - QPointF(gap, gap), QSizeF(2 * gap, 2 * gap));
}

}  // namespace deltascope::ui
