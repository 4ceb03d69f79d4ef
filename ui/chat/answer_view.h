// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QWidget>

#include "ui/chat/conversation.h"
#include "ui/chat/turn_runner.h"

class QToolButton;

namespace deltascope::ui {

class MessageText;
class TextLabel;

/// One answer: who gives it, its text as it comes, its figures or what went wrong.
class AnswerView : public QWidget {
  Q_OBJECT
 public:
  /// `number`: of the exchange, from 1. `side`: 0 or 1.
  AnswerView(int number, int side, QWidget* parent = nullptr);
  /// `plainOnly`: no Markdown, so that two answers compare letter by letter.
  void setAnswer(const Answer& answer, const std::optional<Comparison>& comparison, bool plainOnly);
  void append(const QString& text);
  void showLive(const QString& words);
  /// Renders the Markdown if that is still to be done; true if it did.
  bool render();
  [[nodiscard]] const Answer& answer() const { return m_answer; }
  void setBusy(bool busy);  ///< a turn is running: no regenerating

 signals:
  void copyRequested(int side);
  void regenerateRequested();

 protected:
  void changeEvent(QEvent* event) override;

 private:
  void applyIcons();
  const int m_side;
  Answer m_answer;
  bool m_wantsMarkdown = false;
  TextLabel* m_model;
  MessageText* m_text;
  TextLabel* m_figures;
  TextLabel* m_difference;
  TextLabel* m_problem;
  TextLabel* m_nextStep;
  QToolButton* m_copy;
  QToolButton* m_again;
};

}  // namespace deltascope::ui
