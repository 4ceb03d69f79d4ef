// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QWidget>
#include <optional>

#include "ui/frame/page.h"
#include "ui/jobs/job_runner.h"

class QGridLayout;
class QPushButton;
class QTableView;
class QTimer;

namespace deltascope::ui {

class PlanModel;
class TextLabel;

/// The memory plan of a request: made in the background a moment after the last change; the table can be exported.
class PlanView : public QWidget {
  Q_OBJECT
 public:
  PlanView(const PageServices& services, QWidget* parent = nullptr);
  /// Empty: `why` says what is missing.
  void setRequest(const std::optional<LoadRequest>& request, const QString& label, const QString& why);
  void exportCsv();
  [[nodiscard]] bool hasPlan() const;

 signals:
  void planned(const deltascope::MemoryPlan& plan);  ///< one that fits
  void refused(const deltascope::Error& error);      ///< no plan: the budget is too small, or the model cannot be run
  void messageRaised(const deltascope::ui::Message& message);

 private:
  void plan();
  void showState(const QString& words, const QString& problem);

  const PageServices m_services;
  std::optional<LoadRequest> m_request;
  QString m_label;
  JobId m_job = 0;
  QTimer* m_debounce;
  PlanModel* m_model;
  TextLabel* m_summary;
  TextLabel* m_problem;
  QGridLayout* m_parts;
  QWidget* m_partsBox;
  QTableView* m_table;
  QPushButton* m_export;
};

}  // namespace deltascope::ui
