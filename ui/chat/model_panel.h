// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QWidget>
#include <vector>

#include "kernels/backend.h"
#include "ui/chat/run_settings.h"
#include "ui/frame/page.h"

class QComboBox;
class QFormLayout;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace deltascope::ui {

class PathList;
class TextLabel;

/// Payloads to stack, and with what the model runs: device, budget, placement, context, cache, threads.
class ModelPanel : public QWidget {
  Q_OBJECT
 public:
  ModelPanel(const PageServices& services, QWidget* parent = nullptr);
  [[nodiscard]] RunSettings settings() const;
  void setSettings(const RunSettings& settings);
  [[nodiscard]] QStringList payloads() const;
  void setPayloads(const QStringList& payloads);
  void setDevices(const std::vector<kernels::DeviceInfo>& devices);
  /// Nothing wrong with what is typed; a budget that the engine refused counts as right.
  [[nodiscard]] bool valid() const;
  void setBudgetProblem(const QString& problem);
  /// "in memory: exact (NF4 + delta)"; `loaded`: the button unloads instead of loading.
  void setModelState(const QString& words, bool loaded, bool possible);

 signals:
  void changed();
  void payloadsChanged();
  void loadRequested();
  void unloadRequested();

 private:
  QString choosePayload(bool folder);
  QWidget* makeRunForm();
  QWidget* sizeField(QLineEdit*& edit, TextLabel*& problem, const QString& name, const QString& accessible);
  void check();

  const PageServices m_services;
  bool m_filling = false, m_loaded = false;
  PathList* m_payloads;
  QComboBox* m_device;
  QLineEdit* m_budget;
  TextLabel* m_budgetProblem;
  QLineEdit* m_threshold;
  TextLabel* m_thresholdProblem;
  QSpinBox* m_context;
  QComboBox* m_cache;
  QSpinBox* m_threads;
  QComboBox* m_drafts;
  TextLabel* m_deviceNote;
  TextLabel* m_state;
  QPushButton* m_load;
};

}  // namespace deltascope::ui
