// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QFrame>

#include "ui/frame/message.h"

class QLabel;
class QPlainTextEdit;
class QPushButton;
class QToolButton;

namespace deltascope::ui {

/// The bar at the top of the page: what happened, what to do next, Details, Copy, Dismiss. Shows the latest message; hidden
/// without one.
class MessageBar : public QFrame {
  Q_OBJECT
 public:
  explicit MessageBar(QWidget* parent = nullptr);
  void show(const Message& message);
  void dismiss();
  [[nodiscard]] const Message& message() const { return m_message; }

 protected:
  void changeEvent(QEvent* event) override;
  void paintEvent(QPaintEvent* event) override;

 private:
  void applyColors();
  Message m_message;
  QLabel* m_icon = nullptr;
  QLabel* m_text = nullptr;
  QPushButton* m_action = nullptr;
  QToolButton* m_detailsButton = nullptr;
  QToolButton* m_copy = nullptr;
  QToolButton* m_dismiss = nullptr;
  QPlainTextEdit* m_details = nullptr;
};

}  // namespace deltascope::ui
