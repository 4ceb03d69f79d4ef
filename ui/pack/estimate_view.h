// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QWidget>

#include "ui/frame/page.h"
#include "ui/jobs/job_runner.h"
#include "ui/pack/pack_form.h"

class QProgressBar;
class QPushButton;
class QTableView;
class QTimer;

namespace deltascope::ui {

class EstimateModel;
class TextLabel;

/// The estimate beside the form: runs in the background a moment after the last change, can be cancelled and asked for again.
class EstimateView : public QWidget {
  Q_OBJECT
 public:
  EstimateView(const PageServices& services, QWidget* parent = nullptr);
  void setForm(const PackForm& form);
  void estimateNow();
  void cancel();
  [[nodiscard]] bool running() const { return m_job != 0; }

 private:
  void showState(const QString& text, bool busy);

  const PageServices m_services;
  PackForm m_form;
  bool m_possible = false, m_done = false;
  JobId m_job = 0;
  QTimer* m_debounce = nullptr;
  EstimateModel* m_model = nullptr;
  TextLabel* m_summary = nullptr;
  TextLabel* m_note = nullptr;
  QTableView* m_table = nullptr;
  QProgressBar* m_bar = nullptr;
  QPushButton* m_button = nullptr;
};

}  // namespace deltascope::ui
