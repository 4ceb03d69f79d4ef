// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QWidget>
#include <vector>

#include "kernels/backend.h"
#include "ui/frame/memory.h"
#include "ui/frame/model_verdict.h"

class QHBoxLayout;
class QLabel;
class QTimer;

namespace deltascope::ui {

class Sparkline;

/// "CPU · 2 threads", "GPU: none (…)", "cuda:0 NVIDIA H200": one text a device, for the status line and the start page.
struct DeviceText {
  QString label, detail;
  bool usable = false;
};
[[nodiscard]] DeviceText describeDevice(const kernels::DeviceInfo& device);

/// The last line of the window: processor, GPU in words, memory with its last minute, verdict of the open model.
class StatusLine : public QWidget {
  Q_OBJECT
 public:
  explicit StatusLine(MemorySampler sampler, QWidget* parent = nullptr);
  void setDevices(const std::vector<kernels::DeviceInfo>& devices);
  void setVerdict(const ModelVerdict& verdict);

 protected:
  void changeEvent(QEvent* event) override;
  void showEvent(QShowEvent* event) override;
  void hideEvent(QHideEvent* event) override;
  void paintEvent(QPaintEvent* event) override;

 private:
  void sample();
  void applyColors();
  MemorySampler m_sampler;
  QHBoxLayout* m_devices = nullptr;
  QLabel* m_memory = nullptr;
  Sparkline* m_sparkline = nullptr;
  QLabel* m_verdict = nullptr;
  QTimer* m_timer = nullptr;
  ModelVerdict m_state;
};

}  // namespace deltascope::ui
