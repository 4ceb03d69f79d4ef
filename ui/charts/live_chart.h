// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// A chart that grows while it is looked at: memory over time, latency by tensor, tokens per second.
#include <QElapsedTimer>
#include <QTimer>
#include <QWidget>
#include <algorithm>
#include <memory>
#include <optional>

#include "ui/charts/chart.h"

class QLabel;
class QCustomPlot;

namespace deltascope::ui {

struct LiveSeries {
  QString label;
  enum class Look { Main, Context, Dots } look = Look::Main;
  bool peak = false;  ///< marks and labels its highest point
};

struct LiveAxes {
  QString positionLabel, valueLabel;       ///< with their units; the ticks are plain numbers in them
  QString (*valueText)(double) = nullptr;  ///< for the peak and tooltips; three or four figures without it
};

/// Thread: the window's. Data is drawn at most 30 times a second, or as setPace() says, and only while the chart is seen.
/// Memory is bounded: above 200,000 points a series is thinned, keeping its lowest and highest values.
class LiveChart : public QWidget {
  Q_OBJECT
 public:
  explicit LiveChart(LiveAxes axes, QList<LiveSeries> series, QWidget* parent = nullptr);
  ~LiveChart() override;

  /// Cheap; drawn at the next frame. Values that are not finite are gaps; positions may come in any order.
  void append(int series, double position, double value);
  /// A dashed line that is kept in view: "budget 14.0 MiB".
  void setLimit(std::optional<double> value, const QString& label = {});
  /// Names of the integer positions from 0, for tooltips and, where they fit, the axis. All of them are in view from the
  /// start.
  void setPositionNames(const QStringList& names);
  /// Said in the middle while there is nothing to draw.
  void setEmptyText(const QString& text);
  void clear();

  static constexpr int kFastestMs = 33;
  /// The least time between two frames: longer while what is drawn is being measured.
  void setPace(int milliseconds) { m_frames.setInterval(std::max(kFastestMs, milliseconds)); }
  /// The next frame, if there is anything new, without waiting for its time.
  void drawNow();
  /// What the chart was made to do so far, for tests of what a run costs.
  struct Cost {
    int names = 0, styles = 0, frames = 0;
  };
  [[nodiscard]] const Cost& cost() const { return m_cost; }

  /// Paused: data is kept coming in, the picture stands still.
  void setPaused(bool paused);
  [[nodiscard]] bool paused() const { return m_paused; }
  /// Following: everything is in view. A drag or the wheel ends it, a double click starts it again.
  void setFollow(bool follow);
  [[nodiscard]] bool follow() const { return m_follow; }

  [[nodiscard]] double peak(int series) const;  ///< NaN if none
  [[nodiscard]] bool isEmpty() const;
  /// What has been collected, at most about 2,000 points a line, for files and for the finished run.
  [[nodiscard]] LinesChart chart() const;
  /// The value nearest to a point of this widget in words; empty outside the data.
  [[nodiscard]] QString valueAt(const QPoint& position) const;
  [[nodiscard]] QSize minimumSizeHint() const override;
  [[nodiscard]] QSize sizeHint() const override;

 signals:
  void followChanged(bool follow);

 protected:
  void changeEvent(QEvent* event) override;
  void showEvent(QShowEvent* event) override;
  void hideEvent(QHideEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  struct Series;
  void applyStyle();
  void schedule();
  void frame();
  void nameTicks();
  void fitRanges();
  void fill();
  void userZoomed();
  void describeNow();

  LiveAxes m_axes;
  std::vector<std::unique_ptr<Series>> m_series;
  std::optional<LinesChart::Limit> m_limit;
  QStringList m_names;
  Cost m_cost;
  QCustomPlot* m_plot = nullptr;
  class LineMarks* m_marks = nullptr;  // the plot's
  QLabel* m_empty = nullptr;
  QTimer m_frames, m_describe;
  bool m_changed = false, m_paused = false, m_follow = true, m_fitting = false;
};

}  // namespace deltascope::ui
