// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QWidget>

#include "ui/jobs/job_runner.h"

class QLabel;
class QProgressBar;
class QToolButton;
class QAction;

namespace deltascope::ui {

class JobsModel;

/// One line at the bottom: how many jobs, the one that runs (or ended last), its progress, Cancel, and the way to the table.
class JobsStrip : public QWidget {
  Q_OBJECT
 public:
  /// `expand`: the action that shows the table.
  JobsStrip(JobRunner& runner, JobsModel& model, QAction* expand, QWidget* parent = nullptr);

  [[nodiscard]] QString text() const;  ///< what the line says

 protected:
  void changeEvent(QEvent* event) override;

 private:
  void refresh();
  void applyIcons();
  JobRunner& m_runner;
  JobsModel& m_model;
  QToolButton* m_expand = nullptr;
  QLabel* m_icon = nullptr;
  QLabel* m_title = nullptr;
  QProgressBar* m_bar = nullptr;
  QLabel* m_summary = nullptr;
  QToolButton* m_cancel = nullptr;
  JobId m_shown = 0;
  QString m_iconName;
};

}  // namespace deltascope::ui
