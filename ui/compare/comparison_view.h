// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Runs, or two payloads, side by side: a sentence, a table of one metric with signed differences, and the runs overlaid.
#include <QWidget>

#include "ui/compare/comparison.h"
#include "ui/frame/page.h"

class QAction;
class QCheckBox;
class QComboBox;
class QDoubleSpinBox;
class QLabel;
class QTabWidget;
class QTableView;

namespace deltascope::ui {

class ChartView;
class ComparisonFilter;
class ComparisonModel;
class FilterBar;
class StateStack;

class ComparisonView : public QWidget {
  Q_OBJECT
 public:
  explicit ComparisonView(const PageServices& services, QWidget* parent = nullptr);

  /// The first is the baseline. Fewer than two clear the view.
  void showRuns(std::vector<NamedRun> runs);
  void showPayloads(NamedTable a, NamedTable b);
  void clear();
  [[nodiscard]] const TableComparison& comparison() const;
  [[nodiscard]] QList<QAction*> viewActions() const { return {m_exportCsv, m_exportChart}; }

 signals:
  void messageRaised(const deltascope::ui::Message& message);
  void thresholdChanged(double share);  ///< the one for noise: lists of runs follow it

 private:
  QWidget* makeToolbar();
  QWidget* makeTable();
  void compare();
  void showComparison(TableComparison comparison);
  void fillMetrics();
  void refresh();
  void exportCsv();
  void exportChart();
  [[nodiscard]] Chart shownChart() const;
  [[nodiscard]] QString pathFor(const QString& title, const QString& name, const QString& filter);
  void written(const QString& what, const QString& path, const Result<void>& result);

  const PageServices m_services;
  std::vector<NamedRun> m_runs;
  ComparisonModel* m_model;
  ComparisonFilter* m_filter;
  StateStack* m_state = nullptr;
  QLabel* m_sentence = nullptr;
  QComboBox* m_metric = nullptr;
  QCheckBox* m_differencesOnly = nullptr;
  QDoubleSpinBox* m_threshold = nullptr;
  FilterBar* m_filterBar = nullptr;
  QTableView* m_table = nullptr;
  QTabWidget* m_charts = nullptr;
  ChartView *m_rowsChart = nullptr, *m_memoryChart = nullptr;
  QAction *m_exportCsv = nullptr, *m_exportChart = nullptr;
  bool m_filling = false;
};

}  // namespace deltascope::ui
