// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/charts/view.h"

#include <QEvent>
#include <QHelpEvent>
#include <QToolTip>
#include <QVBoxLayout>

#include "ui/charts/build.h"
#include "ui/charts/plot.h"

namespace deltascope::ui {
namespace {

/// Bars and lines stay as they are; long axes can be looked at closely.
bool zooms(const Chart& chart) { return !std::holds_alternative<BarsChart>(chart); }

}  // namespace

ChartView::ChartView(QWidget* parent) : QWidget(parent) {
  setFocusPolicy(Qt::NoFocus);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
}

ChartView::~ChartView() = default;

void ChartView::setChart(Chart chart) {
  m_chart = std::move(chart);
  setAccessibleDescription(describe(m_chart));
  rebuild();
}

void ChartView::rebuild() {
  if (m_plot) {  // it may be in the middle of an event of its own
    m_plot->hide();
    layout()->removeWidget(m_plot);
    m_plot->deleteLater();
    m_plot = nullptr;
  }
  if (isEmpty(m_chart)) return;
  m_plot = new Plot(this);
  m_plot->setAccessibleName(accessibleName());
  m_plot->setAccessibleDescription(accessibleDescription());
  m_plot->installEventFilter(this);
  buildChart(*m_plot, m_chart, chartStyle(palette(), font()));
  if (zooms(m_chart)) {
    m_plot->setInteractions(QCP::iRangeDrag | QCP::iRangeZoom);
    const auto directions =
        std::holds_alternative<MapChart>(m_chart) ? Qt::Horizontal | Qt::Vertical : Qt::Orientations(Qt::Horizontal);
    m_plot->axisRect()->setRangeZoom(directions);
    m_plot->axisRect()->setRangeDrag(directions);
    const auto home = std::pair{m_plot->xAxis->range(), m_plot->yAxis->range()};
    connect(m_plot, &QCustomPlot::mouseDoubleClick, m_plot, [plot = m_plot, home] {
      plot->xAxis->setRange(home.first);
      plot->yAxis->setRange(home.second);
      plot->replot(QCustomPlot::rpQueuedReplot);
    });
  }
  layout()->addWidget(m_plot);
}

QString ChartView::valueAt(const QPoint& position) const {
  if (!m_plot) return {};
  const QPoint inside = m_plot->mapFrom(this, position);
  if (!m_plot->axisRect()->rect().contains(inside)) return {};
  return valueText(m_chart, m_plot->xAxis->pixelToCoord(inside.x()), m_plot->yAxis->pixelToCoord(inside.y()));
}

bool ChartView::eventFilter(QObject* watched, QEvent* event) {
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

void ChartView::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange) rebuild();
}

QSize ChartView::minimumSizeHint() const { return {16 * fontMetrics().averageCharWidth(), 6 * fontMetrics().height()}; }
QSize ChartView::sizeHint() const { return {60 * fontMetrics().averageCharWidth(), 12 * fontMetrics().height()}; }

}  // namespace deltascope::ui
