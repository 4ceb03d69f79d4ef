// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QWidget>

#include "kernels/memory.h"

namespace deltascope::ui {

/// "13.20 of 16.00 MiB, peak 13.41 MiB": what the models in memory hold, against the budget.
[[nodiscard]] QString gaugeText(const kernels::MemoryUse& use, std::uint64_t budget);

/// The same as a bar with a tick at the peak, the words beside it.
class MemoryGauge : public QWidget {
  Q_OBJECT
 public:
  explicit MemoryGauge(QWidget* parent = nullptr);
  void setUse(const kernels::MemoryUse& use, std::uint64_t budget);
  void setExpected(std::uint64_t peak, std::uint64_t budget);  ///< of a plan, before anything is loaded
  [[nodiscard]] QString text() const { return m_text; }
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  kernels::MemoryUse m_use;
  std::uint64_t m_budget = 0;
  QString m_text;
  void setText(const QString& text, const QString& explanation);
  bool m_expected = false;
};

}  // namespace deltascope::ui
