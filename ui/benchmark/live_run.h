// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Charts of one run: while it goes on, as its figures arrive; afterwards, or from its record, what it came to.
#include <QWidget>
#include <array>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "core/bench/bench.h"
#include "ui/charts/chart.h"

class QComboBox;
class QLabel;
class QStackedWidget;
class QToolButton;

namespace deltascope::ui {

class ChartView;
class LiveChart;
class TextLabel;

/// What the engine's hooks tell, as values.
struct RunLatency {
  std::string tensor, mode;
  double milliseconds = 0;
};
struct RunSpeed {
  double seconds = 0, tokensPerSecond = 0;
};
struct RunRow {
  BenchmarkRow row;
  bool baseline = false;
};
/// What will be measured, in order.
struct RunTensors {
  std::vector<std::string> names;
};
using RunEvent = std::variant<RunTensors, BenchmarkMemory, RunLatency, RunSpeed, RunRow>;

/// A chart that can be exported, with its name.
struct RunChart {
  QString id, title;
  Chart chart;
};

class LiveRun : public QWidget {
  Q_OBJECT
 public:
  explicit LiveRun(QWidget* parent = nullptr);

  /// `budget`: bytes, 0: none; `tensors` and `generation`: what will come.
  void begin(std::uint64_t budget, bool tensors, bool generation);
  void take(const std::vector<RunEvent>& events);
  /// What the run is doing, in words: said while no weight is done, and beside the verdicts after.
  void setState(const QString& words);
  /// What was taken is drawn now; while a run goes on nothing else draws it.
  void drawNow();
  /// The run ended: the latencies become medians with their spread.
  void end(const BenchmarkRun& run);
  /// A run from its record.
  void showRun(const BenchmarkRun& run);
  void clear();

  void setPaused(bool paused);
  [[nodiscard]] bool paused() const;
  void setFollow(bool follow);
  /// What is shown and not empty.
  [[nodiscard]] QList<RunChart> charts() const;

 private:
  enum Part { Memory, Device, Latency, Speed, PartCount };
  struct Panel {
    QStackedWidget* stack = nullptr;
    LiveChart* live = nullptr;
    ChartView* still = nullptr;
    QString id, title;
  };
  QWidget* makePanel(Part part, QWidget* head);
  QWidget* makeToolbar();
  void setBudget(std::uint64_t budget);
  void showStill(Part part, const Chart& chart);
  void showLive(Part part);
  void appendAccounted(const BenchmarkMemory& sample);
  [[nodiscard]] int positionOf(const std::string& tensor);
  void setPace(int milliseconds);
  void countVerdict(const BenchmarkRow& row, bool baseline);
  void showVerdicts();

  std::array<Panel, PartCount> m_panels;
  QStackedWidget* m_memoryStack = nullptr;
  QWidget *m_latencyPanel = nullptr, *m_speedPanel = nullptr;
  QComboBox* m_memoryKind = nullptr;
  QToolButton *m_pause = nullptr, *m_follow = nullptr;
  TextLabel* m_verdicts = nullptr;
  QLabel* m_state = nullptr;
  QStringList m_tensors;  ///< the positions of the latency chart
  std::unordered_map<std::string, int> m_positions;
  bool m_named = true;      ///< the chart knows all of m_tensors
  int m_memorySeries = -1;  ///< that the last sample went to
  double m_lastAccounted = 0;
  int m_exact = 0, m_wrong = 0;
  std::string m_firstWrong;
  bool m_running = false;
};

}  // namespace deltascope::ui
