// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// A heat map to point at: hover tells a cell's value, click or arrow keys choose it.
#include <QAbstractScrollArea>
#include <QList>

#include "ui/charts/heat_map_paint.h"

namespace deltascope::ui {

/// Thread: the window's. Missing cells cannot be chosen; arrow keys step over them.
class HeatMapView : public QAbstractScrollArea {
  Q_OBJECT
 public:
  explicit HeatMapView(QWidget* parent = nullptr);

  /// Keeps the marked items.
  void setChart(HeatMapChart chart);
  [[nodiscard]] const HeatMapChart& chart() const { return m_chart; }
  /// Marks the cells that stand for any of these items and shows the first. Emits nothing.
  void setMarkedItems(const QList<int>& items);
  [[nodiscard]] QList<int> markedItems() const { return m_marked; }
  /// Cell numbers (row × columns + column).
  [[nodiscard]] std::set<int> markedCells() const { return m_marks.selected; }
  [[nodiscard]] std::optional<int> currentCell() const { return m_marks.current; }
  [[nodiscard]] std::optional<int> cellAt(const QPoint& position) const;  ///< of a present cell, in viewport coordinates
  [[nodiscard]] QRect cellRect(int number) const;                         ///< in viewport coordinates
  [[nodiscard]] QSize sizeHint() const override;
  [[nodiscard]] QSize minimumSizeHint() const override;

 signals:
  void itemsChosen(const QList<int>& items);  ///< by mouse or keyboard

 protected:
  bool viewportEvent(QEvent* event) override;
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void focusInEvent(QFocusEvent* event) override;
  void focusOutEvent(QFocusEvent* event) override;
  void changeEvent(QEvent* event) override;

 private:
  void layOut();
  void markCells();
  void choose(int number);
  void ensureVisible(int number);
  [[nodiscard]] std::optional<int> neighbour(int number, int down, int right) const;
  [[nodiscard]] QPointF scroll() const;
  void tellCurrent();

  HeatMapChart m_chart;
  HeatMapGeometry m_geometry;
  HeatMapMarks m_marks;
  QList<int> m_marked;
};

}  // namespace deltascope::ui
