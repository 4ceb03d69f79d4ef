// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QDateTime>
#include <QTimer>
#include <optional>

#include "ui/benchmark/benchmark_form.h"
#include "ui/benchmark/live_run.h"
#include "ui/frame/page.h"
#include "ui/jobs/job_runner.h"

class QLabel;
class QMenu;
class QSplitter;
class QTabWidget;
class QTableView;
class QToolButton;

namespace deltascope::ui {

class BenchmarkBar;
class ComparisonView;
class FactsView;
class RunListView;
struct RunReportRequest;
class RunRowsModel;

/// Measures the open model as a job, shows it while it runs, keeps the runs and compares them.
class BenchmarkPage : public Page {
  Q_OBJECT
 public:
  BenchmarkPage(const PageServices& services, QWidget* parent = nullptr);
  PageActions pageActions() const override;
  QWidget* firstFocus() const override;
  void openModel(const ModelPointer& model) override;
  void closeModel() override;
  void restoreState(const Settings& settings) override;
  void saveState(Settings& settings) const override;
  void resetLayout() override;

  void setDevices(const std::vector<kernels::DeviceInfo>& devices);
  [[nodiscard]] BenchmarkForm form() const;
  void setForm(const BenchmarkForm& form);
  /// Runs the form; nothing where it cannot run.
  void run();
  void cancel();
  [[nodiscard]] bool running() const { return m_job != 0; }
  /// A run file from anywhere: taken into the history and shown.
  void openRunFile(const QString& path);
  [[nodiscard]] const std::optional<BenchmarkRun>& shownRun() const { return m_shown; }

 protected:
  void changeEvent(QEvent* event) override;

 signals:
  void demoBenchmarkRequested();                       ///< open the demo and measure it
  void measured(const deltascope::BenchmarkRun& run);  ///< a run ended, complete or not

 private:
  // Construction (benchmark_page_layout.cpp).
  void makeActions();
  QAction* makeAction(const char* name, const QString& text, const QKeySequence& keys, const QString& tip,
                      std::function<void()> act);
  QWidget* makeResults();
  void connectParts();

  void finished(const Result<BenchmarkRun>& result, const QString& file);
  void follow(JobId id);
  void showHead(const QString& text, std::optional<bool> good);
  void showRun(const BenchmarkRun& run, bool keepLive);
  void showFile(const QString& file);
  void compare(const QStringList& files);
  void comparePayloads();
  void updateState();
  void hideEmptyColumns();

  // Files (benchmark_page_export.cpp).
  void exportRows();
  void exportChart(const RunChart& chart);
  void fillExportMenu();
  void writeReport();
  void startReport(const RunReportRequest& request);
  void exported(const QString& path);
  [[nodiscard]] QString suggestedPath(const QString& name) const;
  [[nodiscard]] QString runName() const;

  const PageServices m_services;
  std::function<QDateTime()> m_clock = [] { return QDateTime::currentDateTime(); };
  ModelPointer m_model;
  JobId m_job = 0;
  QTimer m_tick;  ///< draws a run that makes no pauses
  std::function<void()> m_drawWhenDue;
  bool m_cancelling = false;
  std::optional<BenchmarkRun> m_shown;  ///< whose charts and rows are seen

  BenchmarkBar* m_bar = nullptr;
  QSplitter* m_splitter = nullptr;
  QTabWidget* m_tabs = nullptr;
  LiveRun* m_live = nullptr;
  RunRowsModel* m_rows = nullptr;
  QTableView* m_table = nullptr;
  QLabel* m_summary = nullptr;  ///< the head line: verdict and figures of the run that is shown
  std::optional<bool> m_headGood;
  FactsView* m_facts = nullptr;
  ComparisonView* m_comparison = nullptr;
  RunListView* m_runs = nullptr;
  QToolButton* m_export = nullptr;
  QMenu* m_exportMenu = nullptr;
  struct Actions {
    QAction *run, *cancel, *pause, *follow, *report, *exportRows, *copyCommand, *comparePayloads;
  } m_actions{};
};

}  // namespace deltascope::ui
