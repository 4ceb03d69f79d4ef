// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Inside of ui/charts: what is written on lines: labels at their ends, peaks, and a limit.
#include <qcustomplot.h>

#include <optional>
#include <vector>

#include "ui/charts/chart.h"
#include "ui/charts/style.h"

namespace deltascope::ui {

/// Of one line, in plot coordinates.
struct LineMark {
  QString label;
  QColor colour;
  std::optional<QPointF> end;   ///< its last value in view: the label stands right of the plot at this height
  std::optional<QPointF> peak;  ///< a dot with peakText
  QString peakText;
};

/// Owned by its plot. place() is to be called after every layout: there alone the pixels are known.
class LineMarks : public QObject {
 public:
  explicit LineMarks(QCustomPlot& plot);
  void setStyle(const ChartStyle& style);
  void setLimit(const std::optional<LinesChart::Limit>& limit);
  void setMarks(std::vector<LineMark> marks) { m_marks = std::move(marks); }
  /// Keeps room on the right for these labels.
  void reserve(const QStringList& labels);
  void place();

 private:
  QCPItemText* newText();
  QCPItemText* text(std::vector<QCPItemText*>& pool, std::size_t i);
  void placeEnds();
  void placeLimit(std::vector<QRectF>& taken);
  void placePeaks(std::vector<QRectF>& taken);
  void placeNear(QCPItemText& item, const QPointF& at, bool onLine, std::vector<QRectF>& taken);

  QCustomPlot& m_plot;
  ChartStyle m_style;
  std::optional<LinesChart::Limit> m_limit;
  std::vector<LineMark> m_marks;
  QCPItemLine* m_line = nullptr;
  QCPItemText* m_limitText = nullptr;
  std::vector<QCPItemText*> m_endTexts, m_peakTexts;
  std::vector<QCPItemEllipse*> m_dots;
};

}  // namespace deltascope::ui
