// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The line above the benchmark page: what, where, how often; Run becomes Cancel in place.
#include <QWidget>
#include <vector>

#include "kernels/backend.h"
#include "ui/benchmark/benchmark_form.h"

class QCheckBox;
class QComboBox;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace deltascope::ui {

class TextLabel;

class BenchmarkBar : public QWidget {
  Q_OBJECT
 public:
  explicit BenchmarkBar(QWidget* parent = nullptr);

  [[nodiscard]] BenchmarkForm form() const;
  void setForm(const BenchmarkForm& form);
  void setDevices(const std::vector<kernels::DeviceInfo>& devices);
  /// `blocked`: why nothing can run whatever the form says; empty: nothing stands in the way.
  /// `offerDemo`: a button beside the reason.
  void setState(bool running, bool cancelling, const QString& blocked, bool offerDemo);
  [[nodiscard]] bool canRun() const;
  [[nodiscard]] QWidget* firstFocus() const;

 signals:
  void runRequested();
  void cancelRequested();
  void demoRequested();
  void changed();

 private:
  void showKind();
  void check();

  QComboBox *m_what, *m_device;
  QLineEdit *m_tensors, *m_budget;
  QSpinBox *m_repeat, *m_tokens;
  QWidget *m_tokensLabel, *m_tensorsLabel;
  QCheckBox* m_baselines;
  QPushButton *m_run, *m_demo;
  TextLabel* m_problem;
  BenchmarkForm m_rest;  ///< what has no control here: warm-up, rows, seed
  QString m_blocked, m_wantedDevice;
  bool m_filling = false, m_running = false, m_cancelling = false, m_offerDemo = false;
};

}  // namespace deltascope::ui
