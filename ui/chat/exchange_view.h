// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QWidget>

#include "ui/chat/conversation.h"

class QHBoxLayout;
class QToolButton;

namespace deltascope::ui {

class AnswerView;
class MessageText;

/// What the user said, and the answers under it: one, or two columns.
class ExchangeView : public QWidget {
  Q_OBJECT
 public:
  explicit ExchangeView(int number, QWidget* parent = nullptr);
  void setExchange(const Exchange& exchange);
  [[nodiscard]] AnswerView* answer(int side) const { return side < m_answers.size() ? m_answers[side] : nullptr; }
  bool render();  ///< one answer's Markdown that is still to be rendered; false: none
  void setBusy(bool busy);
  void setEdited(bool edited);  ///< its message is in the composer

 signals:
  void copyRequested(int side);  ///< -1: the user's message
  void editRequested();
  void regenerateRequested();

 protected:
  void changeEvent(QEvent* event) override;

 private:
  void applyIcons();
  void makeAnswers(int count);
  const int m_number;
  bool m_busy = false;
  MessageText* m_user;
  QToolButton* m_copy;
  QToolButton* m_edit;
  QWidget* m_card;
  QHBoxLayout* m_columns;
  QList<AnswerView*> m_answers;
};

}  // namespace deltascope::ui
