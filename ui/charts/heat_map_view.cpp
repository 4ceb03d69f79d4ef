// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/charts/heat_map_view.h"

#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QScrollBar>
#include <QToolTip>
#include <algorithm>
#include <cmath>

namespace deltascope::ui {

HeatMapView::HeatMapView(QWidget* parent) : QAbstractScrollArea(parent) {
  setFocusPolicy(Qt::StrongFocus);
  setFrameShape(QFrame::NoFrame);
  viewport()->setMouseTracking(true);
  viewport()->setBackgroundRole(QPalette::Base);
}

void HeatMapView::setChart(HeatMapChart chart) {
  m_chart = std::move(chart);
  m_marks.current.reset();
  setAccessibleName(tr("Heat map of %1").arg(m_chart.valueLabel));
  setAccessibleDescription(describe(m_chart));
  markCells();
  layOut();
}

void HeatMapView::setMarkedItems(const QList<int>& items) {
  if (items == m_marked) return;
  m_marked = items;
  markCells();
  if (!m_marks.selected.empty()) {
    m_marks.current = *m_marks.selected.begin();
    ensureVisible(*m_marks.current);
  }
  viewport()->update();
}

void HeatMapView::markCells() {
  m_marks.selected.clear();
  const std::set<int> wanted(m_marked.cbegin(), m_marked.cend());
  for (std::size_t i = 0; i < m_chart.cells.size(); ++i) {
    const auto& items = m_chart.cells[i].items;
    if (std::any_of(items.begin(), items.end(), [&](int item) { return wanted.count(item) > 0; }))
      m_marks.selected.insert(static_cast<int>(i));
  }
}

QPointF HeatMapView::scroll() const {
  return {static_cast<double>(horizontalScrollBar()->value()), static_cast<double>(verticalScrollBar()->value())};
}

void HeatMapView::layOut() {
  const double margin = fontMetrics().height() * 0.5;
  m_geometry =
      layOutHeatMap(m_chart, QRectF(viewport()->rect()).adjusted(margin, margin * 0.5, -margin, -margin * 0.5), font());
  const QRectF seen = m_geometry.visible();
  verticalScrollBar()->setRange(0, std::max(0, static_cast<int>(std::ceil(m_geometry.grid.height() - seen.height()))));
  verticalScrollBar()->setPageStep(std::max(1, static_cast<int>(seen.height())));
  verticalScrollBar()->setSingleStep(std::max(1, static_cast<int>(m_geometry.cellHeight)));
  horizontalScrollBar()->setRange(0, std::max(0, static_cast<int>(std::ceil(m_geometry.grid.width() - seen.width()))));
  horizontalScrollBar()->setPageStep(std::max(1, static_cast<int>(seen.width())));
  horizontalScrollBar()->setSingleStep(std::max(1, static_cast<int>(m_geometry.cellWidth)));
  viewport()->update();
}

std::optional<int> HeatMapView::cellAt(const QPoint& position) const {
  if (m_chart.columns.isEmpty() || !m_geometry.visible().contains(position)) return std::nullopt;
  const QPointF inside = QPointF(position) + scroll() - m_geometry.grid.topLeft();
  const int column = static_cast<int>(std::floor(inside.x() / m_geometry.cellWidth));
  const int row = static_cast<int>(std::floor(inside.y() / m_geometry.cellHeight));
  if (column < 0 || row < 0 || column >= m_chart.columns.size() || row >= m_chart.rows.size()) return std::nullopt;
  if (!m_chart.at(row, column).present) return std::nullopt;
  return row * static_cast<int>(m_chart.columns.size()) + column;
}

QRect HeatMapView::cellRect(int number) const {
  const int columns = static_cast<int>(m_chart.columns.size());
  return m_geometry.cell(number / columns, number % columns).translated(-scroll()).toRect();
}

void HeatMapView::choose(int number) {
  m_marks.current = number;
  const auto& items = m_chart.cells[static_cast<std::size_t>(number)].items;
  m_marked = QList<int>(items.begin(), items.end());
  markCells();
  ensureVisible(number);
  viewport()->update();
  tellCurrent();
  emit itemsChosen(m_marked);
}

void HeatMapView::tellCurrent() {
  if (m_marks.current) setAccessibleDescription(m_chart.cells[static_cast<std::size_t>(*m_marks.current)].detail);
}

void HeatMapView::ensureVisible(int number) {
  const QRectF cell = QRectF(cellRect(number)), seen = m_geometry.visible();
  const auto by = [](double low, double high, double from, double to) {
    return low < from ? low - from : high > to ? high - to : 0;
  };
  const double down = by(cell.top(), cell.bottom(), seen.top(), seen.bottom());
  const double right = by(cell.left(), cell.right(), seen.left(), seen.right());
  verticalScrollBar()->setValue(verticalScrollBar()->value() + static_cast<int>(down < 0 ? std::floor(down) : std::ceil(down)));
  horizontalScrollBar()->setValue(horizontalScrollBar()->value() +
                                  static_cast<int>(right < 0 ? std::floor(right) : std::ceil(right)));
}

std::optional<int> HeatMapView::neighbour(int number, int down, int right) const {
  const int columns = static_cast<int>(m_chart.columns.size()), rows = static_cast<int>(m_chart.rows.size());
  int row = number / columns + down, column = number % columns + right;
  for (; row >= 0 && row < rows && column >= 0 && column < columns; row += down, column += right)
    if (m_chart.at(row, column).present) return row * columns + column;
  return std::nullopt;
}

void HeatMapView::keyPressEvent(QKeyEvent* event) {
  if (isEmpty(m_chart)) return QAbstractScrollArea::keyPressEvent(event);
  const int count = static_cast<int>(m_chart.cells.size());
  const auto firstFrom = [&](int from, int step) -> std::optional<int> {
    for (int i = from; i >= 0 && i < count; i += step)
      if (m_chart.cells[static_cast<std::size_t>(i)].present) return i;
    return std::nullopt;
  };
  std::optional<int> target;
  switch (event->key()) {
    case Qt::Key_Home:
      target = firstFrom(0, 1);
      break;
    case Qt::Key_End:
      target = firstFrom(count - 1, -1);
      break;
    case Qt::Key_Space:
    case Qt::Key_Return:
    case Qt::Key_Enter:
      target = m_marks.current;
      break;
    case Qt::Key_Up:
    case Qt::Key_Down:
    case Qt::Key_Left:
    case Qt::Key_Right: {
      if (!m_marks.current) {
        target = firstFrom(0, 1);
        break;
      }
      const int down = event->key() == Qt::Key_Down ? 1 : event->key() == Qt::Key_Up ? -1 : 0;
      const int right = event->key() == Qt::Key_Right ? 1 : event->key() == Qt::Key_Left ? -1 : 0;
      target = neighbour(*m_marks.current, down, right);
      break;
    }
    default:
      return QAbstractScrollArea::keyPressEvent(event);
  }
  if (target) choose(*target);
  event->accept();
}

void HeatMapView::mousePressEvent(QMouseEvent* event) {
  if (event->button() == Qt::LeftButton)
    if (const auto cell = cellAt(event->position().toPoint())) choose(*cell);
}

// Taken, so that no widget behind acts on half a click.
void HeatMapView::mouseReleaseEvent(QMouseEvent* event) { event->accept(); }

bool HeatMapView::viewportEvent(QEvent* event) {
  if (event->type() == QEvent::ToolTip) {
    const auto* help = static_cast<QHelpEvent*>(event);
    if (const auto cell = cellAt(help->pos()))
      QToolTip::showText(help->globalPos(), m_chart.cells[static_cast<std::size_t>(*cell)].detail, viewport(), cellRect(*cell));
    else
      QToolTip::hideText();
    return true;
  }
  if (event->type() == QEvent::MouseMove) {
    const auto cell = cellAt(static_cast<QMouseEvent*>(event)->position().toPoint());
    viewport()->setCursor(cell ? Qt::PointingHandCursor : Qt::ArrowCursor);
  }
  return QAbstractScrollArea::viewportEvent(event);
}

void HeatMapView::paintEvent(QPaintEvent*) {
  QPainter painter(viewport());
  const ChartStyle style = chartStyle(palette(), font());
  painter.fillRect(viewport()->rect(), style.background);
  if (isEmpty(m_chart)) return;
  HeatMapMarks marks = m_marks;
  if (!hasFocus()) marks.current.reset();
  paintHeatMap(painter, m_chart, m_geometry, style, marks, scroll());
}

void HeatMapView::resizeEvent(QResizeEvent*) { layOut(); }
void HeatMapView::focusInEvent(QFocusEvent*) { viewport()->update(); }
void HeatMapView::focusOutEvent(QFocusEvent*) { viewport()->update(); }

void HeatMapView::changeEvent(QEvent* event) {
  QAbstractScrollArea::changeEvent(event);
  if (event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange) layOut();
}

QSize HeatMapView::sizeHint() const {
  const int em = fontMetrics().height();
  return {em * (6 + 3 * std::max(6, static_cast<int>(m_chart.columns.size()))), em * 14};
}
QSize HeatMapView::minimumSizeHint() const { return {fontMetrics().height() * 14, fontMetrics().height() * 6}; }

}  // namespace deltascope::ui
