// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Charts as plain data: what is shown, not how. ChartView shows one in the window; renderChart() and writeChart() put one in a
/// file.
#include <QRect>
#include <QSize>
#include <QString>
#include <QStringList>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "core/inspect/inspect.h"

class QColor;

namespace deltascope::ui {

struct ChartStyle;

/// Counts of integer deltas.
struct HistogramChart {
  Histogram data;
  bool logY = false;
};

/// A tensor seen from above: rows down, columns across. Not finite cells are drawn as empty.
struct MapChart {
  std::uint32_t rows = 0, columns = 0;
  std::uint64_t rowsPerCell = 1, columnsPerCell = 1;
  std::vector<float> values;                       ///< row-major
  QString valueLabel;                              ///< "mean |delta|"
  bool logScale = false;                           ///< of the colours; values below one take the lowest
  std::optional<std::pair<double, double>> range;  ///< of the colours; the data's own when empty
};

/// Horizontal bars, each with its label on the left and its value in words at its end.
struct BarsChart {
  struct Bar {
    QString label;
    double value = 0;
    QString text;
  };
  std::vector<Bar> bars;  ///< from the top
  QString valueLabel;
};

/// One column for each position, for instance the bytes of every chunk.
struct ColumnsChart {
  std::vector<double> values;
  QString positionLabel, valueLabel;
  QString positionName;  ///< singular, for tooltips: "chunk"
};

/// Lines over a common axis, each labelled at its end. Not finite values are gaps.
struct LinesChart {
  struct Line {
    QString label;
    std::vector<std::pair<double, double>> points;  ///< in ascending order of position
    bool dots = true;                               ///< on every point; false for dense lines
    bool markPeak = false;                          ///< a dot on the highest point, with its value in words
    enum class Look { ByOrder, Main, Context, Dots };
    Look look = Look::ByOrder;  ///< by order: the first is the one being watched, the others are context
  };
  struct Limit {
    double value = 0;
    QString label;  ///< "budget 14.0 MiB"
  };
  std::vector<Line> lines;
  QString positionLabel, valueLabel;
  std::optional<Limit> limit = std::nullopt;  ///< a dashed line, always in range
  bool fromZero = false;                      ///< amounts are seen against nothing, other values against each other
  bool steps = false;                         ///< a value holds until the next; else points are joined
};

/// Medians with whiskers from the lowest to the highest value, series side by side at named positions. The value axis is
/// logarithmic when asked for, or when positive values span more than 30 times.
struct SpreadChart {
  struct Point {
    double low = 0, middle = 0, high = 0;
    bool present = false;
  };
  struct Series {
    QString label;
    std::vector<Point> points;  ///< one a position
  };
  QStringList positions;  ///< names, for instance of tensors
  std::vector<Series> series;
  QString positionLabel, valueLabel;
  bool logY = false;
  bool durations = false;  ///< values are milliseconds; ticks say "100 ns", "20 µs", "3 ms"
};

/// Rows × columns of named cells, for instance layer × tensor kind.
struct HeatMapChart {
  struct Cell {
    bool present = false;
    double value = 0;
    QString text;            ///< short, for the cell itself: "6.62"
    QString detail;          ///< for the tooltip and for screen readers
    std::vector<int> items;  ///< what it stands for, as indices of the caller
  };
  QStringList rows, columns;
  QString rowLabel;                               ///< "layer"
  std::vector<Cell> cells;                        ///< row-major
  QString valueLabel;                             ///< "bits/weight"
  double low = 0, high = 1;                       ///< of the colours
  std::vector<std::pair<double, QString>> ticks;  ///< of the colour bar: value and words

  [[nodiscard]] const Cell& at(int row, int column) const {
    return cells[static_cast<std::size_t>(row) * static_cast<std::size_t>(columns.size()) + static_cast<std::size_t>(column)];
  }
  [[nodiscard]] QColor colour(const Cell& cell) const;
};

using Chart = std::variant<HistogramChart, MapChart, BarsChart, ColumnsChart, LinesChart, SpreadChart, HeatMapChart>;

/// Whether there is anything to show; an empty chart is never drawn, the caller says in words why.
[[nodiscard]] bool isEmpty(const Chart& chart);
/// The chart in a sentence or two, for screen readers and as alternative text.
[[nodiscard]] QString describe(const Chart& chart);
/// The size at which a chart reads well in a file, in logical pixels, caption not included.
[[nodiscard]] QSize preferredSize(const Chart& chart);

}  // namespace deltascope::ui
