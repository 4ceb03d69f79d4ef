// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QWidget>

namespace deltascope::ui {

/// The dashed frame that says where to drop. The window itself accepts drops anywhere; this only shows it, lit while one
/// hovers.
class DropArea : public QWidget {
  Q_OBJECT
 public:
  explicit DropArea(QWidget* parent = nullptr);
  void setLit(bool lit);

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  bool m_lit = false;
};

}  // namespace deltascope::ui
