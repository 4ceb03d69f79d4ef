// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QWidget>

#include "ui/jobs/job_runner.h"

class QAction;
class QLabel;
class QPlainTextEdit;
class QSplitter;
class QTableView;
class QToolButton;

namespace deltascope::ui {

class JobsModel;
class Settings;

/// The jobs as a table, with the chosen one's log beside it. Delete cancels, Enter opens the result.
class JobsPanel : public QWidget {
  Q_OBJECT
 public:
  JobsPanel(JobRunner& runner, JobsModel& model, QWidget* parent = nullptr);

  [[nodiscard]] QAction* cancelAction() const { return m_cancel; }
  [[nodiscard]] QAction* openResultAction() const { return m_open; }
  [[nodiscard]] QAction* copyLogAction() const { return m_copyLog; }
  [[nodiscard]] QAction* clearAction() const { return m_clear; }
  void select(JobId id);
  QSize sizeHint() const override;
  void saveState(Settings& settings) const;
  void restoreState(const Settings& settings);
  void resetLayout();

 signals:
  void openResultRequested(const QString& path);

 protected:
  void changeEvent(QEvent* event) override;

 private:
  [[nodiscard]] const JobView* current() const;
  void refresh();
  void showLog(const JobView* job);
  void applyIcons();

  JobRunner& m_runner;
  JobsModel& m_model;
  QTableView* m_table = nullptr;
  QPlainTextEdit* m_log = nullptr;
  QSplitter* m_splitter = nullptr;
  QAction* m_cancel = nullptr;
  QAction* m_open = nullptr;
  QAction* m_copyLog = nullptr;
  QAction* m_clear = nullptr;
  JobId m_shownLog = 0;
  QStringList m_lines;  ///< of the log that is shown
};

}  // namespace deltascope::ui
