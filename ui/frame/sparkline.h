// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QWidget>
#include <deque>

namespace deltascope::ui {

/// The last minute of one figure as small bars, from zero to its own maximum.
class Sparkline : public QWidget {
  Q_OBJECT
 public:
  static constexpr std::size_t kSamples = 60;
  explicit Sparkline(QWidget* parent = nullptr);
  void add(double value);
  QSize sizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  std::deque<double> m_values;
};

}  // namespace deltascope::ui
