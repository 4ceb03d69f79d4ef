// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QFrame>

#include "ui/frame/message.h"

class QLabel;
class QPlainTextEdit;
class QPushButton;
class QToolButton;

namespace deltascope::ui {

/// One message on one line: what happened, what to do next, up to two buttons, Details, Copy, Dismiss. What does not fit on the
/// line is on a sheet that Details opens over the page. Hidden without a message.
class MessageBar : public QFrame {
  Q_OBJECT
 public:
  explicit MessageBar(QWidget* parent = nullptr);
  void show(const Message& message);
  void hideMessage();  ///< shows none; says nothing of it
  void dismiss();      ///< hides the message and emits dismissed()
  /// Closes the sheet, or else dismisses the message; false when there was neither.
  bool escape();
  [[nodiscard]] const Message& message() const { return m_message; }
  [[nodiscard]] int lineHeight() const;  ///< whatever the message

 signals:
  void dismissed();

 protected:
  void changeEvent(QEvent* event) override;
  void moveEvent(QMoveEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void paintEvent(QPaintEvent* event) override;

 private:
  void makeSheet();
  void press(const std::function<void()>& action);
  void applyColors();
  void fitText();
  void showDetails(bool shown);
  void placeSheet();

  Message m_message;
  QLabel* m_icon = nullptr;
  QLabel* m_text = nullptr;
  QPushButton* m_action = nullptr;
  QPushButton* m_other = nullptr;
  QToolButton* m_detailsButton = nullptr;
  QToolButton* m_copy = nullptr;
  QToolButton* m_dismiss = nullptr;
  QFrame* m_sheet = nullptr;  ///< a child of the window's contents, so that it may lie over the page
  QLabel* m_whole = nullptr;
  QPlainTextEdit* m_details = nullptr;
};

}  // namespace deltascope::ui
