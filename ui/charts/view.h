// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// One chart on the screen: follows the palette, font and screen, tells values on hover, zooms with the wheel and drag, resets
/// on double click.
#include <QWidget>
#include <memory>

#include "ui/charts/chart.h"

class QCustomPlot;

namespace deltascope::ui {

/// Shows every Chart but HeatMapChart, which has its own view. Thread: the window's.
class ChartView : public QWidget {
  Q_OBJECT
 public:
  explicit ChartView(QWidget* parent = nullptr);
  ~ChartView() override;

  void setChart(Chart chart);
  [[nodiscard]] const Chart& chart() const { return m_chart; }
  /// The value under a point of this widget in words; empty outside the data.
  [[nodiscard]] QString valueAt(const QPoint& position) const;
  [[nodiscard]] QSize minimumSizeHint() const override;
  [[nodiscard]] QSize sizeHint() const override;

 protected:
  void changeEvent(QEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void rebuild();

  Chart m_chart;
  QCustomPlot* m_plot = nullptr;
};

}  // namespace deltascope::ui
