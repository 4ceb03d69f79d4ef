// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/answer_view.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QToolButton>
#include <QVBoxLayout>

#include "ui/chat/answer_words.h"
#include "ui/chat/message_text.h"
#include "ui/chat/small_button.h"
#include "ui/frame/icons.h"
#include "ui/frame/metrics.h"
#include "ui/frame/text.h"

namespace deltascope::ui {

namespace {

constexpr qsizetype kLongestParagraph = 10'000;  ///< UTF-16 units: a longer one takes too long to lay out at once

/// Lines break after a separator and nowhere else.
QString breakable(const QString& words) {
  QStringList parts = words.split("  ·  ");
  for (QString& part : parts) part.replace(' ', QChar::Nbsp);
  return parts.join(QString("%1%1·  ").arg(QChar(QChar::Nbsp)));
}

bool hasEndlessParagraph(const QString& text) {
  qsizetype begin = 0;
  for (qsizetype end = text.indexOf('\n'); end >= 0; begin = end + 1, end = text.indexOf('\n', begin))
    if (end - begin > kLongestParagraph) return true;
  return text.size() - begin > kLongestParagraph;
}

}  // namespace

AnswerView::AnswerView(int number, int side, QWidget* parent) : QWidget(parent), m_side(side) {
  const QString suffix = QString("_%1_%2").arg(number).arg(side);
  setObjectName("answer" + suffix);
  m_model = new TextLabel(TextKind::Heading);
  m_model->setObjectName("answerModel" + suffix);
  m_text = new MessageText("answerText" + suffix, QString("Answer %1").arg(number));
  m_figures = new TextLabel(TextKind::Muted);
  m_figures->setObjectName("answerFigures" + suffix);
  m_difference = new TextLabel(TextKind::Body);
  m_difference->setObjectName("answerDifference" + suffix);
  m_problem = new TextLabel(TextKind::Problem);
  m_problem->setObjectName("answerProblem" + suffix);
  m_nextStep = new TextLabel(TextKind::Body);
  m_nextStep->setObjectName("answerNextStep" + suffix);
  for (TextLabel* label : {m_figures, m_difference, m_problem, m_nextStep}) {
    label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    label->hide();
  }
  m_copy = smallButton("answerCopy" + suffix, QString("Copy answer %1").arg(number));
  m_again = smallButton("answerAgain" + suffix, QString("Ask again for answer %1").arg(number));
  m_again->setToolTip("Ask again; what follows is removed (Ctrl+Shift+G for the last)");
  connect(m_copy, &QToolButton::clicked, this, [this] { emit copyRequested(m_side); });
  connect(m_again, &QToolButton::clicked, this, &AnswerView::regenerateRequested);

  auto* head = new QHBoxLayout;
  head->addWidget(m_model);
  head->addStretch(1);
  head->addWidget(m_copy);
  head->addWidget(m_again);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(steps(*this, 1));
  layout->addLayout(head);
  layout->addWidget(m_text);
  layout->addWidget(m_problem);
  layout->addWidget(m_nextStep);
  layout->addWidget(m_difference);
  layout->addWidget(m_figures);
  layout->addStretch(1);
  applyIcons();
}

void AnswerView::setAnswer(const Answer& answer, const std::optional<Comparison>& comparison, bool plainOnly) {
  const bool same = m_text->plain() == answer.text && !m_text->isMarkdown();
  m_answer = answer;
  m_model->setText(speakerOf(answer));
  m_text->setAccessibleName(QString("Answer of %1").arg(speakerOf(answer)));
  if (!same)
    m_text->setPlain(answer.text);
  else if (plainOnly && answer.state != Answer::State::Waiting)
    m_text->complete();
  m_wantsMarkdown =
      !plainOnly && answer.state != Answer::State::Waiting && !answer.text.isEmpty() && !hasEndlessParagraph(answer.text);
  const bool stoppedEarly = answer.state == Answer::State::Stopped && answer.text.isEmpty();
  m_text->setVisible(!answer.text.isEmpty());
  m_figures->setText(stoppedEarly ? QString("stopped before the first token") : breakable(figuresText(answer)));
  m_figures->setToolTip(figuresToolTip(answer));
  m_figures->setVisible(!m_figures->text().isEmpty());
  m_problem->setText("✕ " + answer.problem);
  m_problem->setVisible(!answer.problem.isEmpty());
  m_nextStep->setText(answer.nextStep.isEmpty() ? QString() : answer.nextStep.left(1).toUpper() + answer.nextStep.mid(1));
  m_nextStep->setVisible(!answer.nextStep.isEmpty());
  m_difference->setVisible(comparison.has_value());
  if (comparison) {
    QString words = (comparison->differs ? "≠ " : "= ") + comparisonText(*comparison);
    if (comparison->differs) {
      m_text->mark(comparison->begin, comparison->length[m_side]);
      const QString marked = m_text->marked();
      words += marked.isEmpty() ? ": ends here" : QString(": “%1”").arg(marked.simplified().isEmpty() ? "␣" : marked.trimmed());
    }
    m_difference->setText(words);
    m_text->setAccessibleDescription(words);
  }
  m_copy->setEnabled(!answer.text.isEmpty());
}

void AnswerView::append(const QString& text) {
  m_answer.text += text;
  m_text->setVisible(true);
  m_text->appendPlain(text);
}

void AnswerView::showLive(const QString& words) {
  if (m_figures->text() != words) m_figures->setText(breakable(words));
  m_figures->setVisible(!words.isEmpty());
}

bool AnswerView::render() {
  if (!std::exchange(m_wantsMarkdown, false)) return false;
  m_text->showMarkdown();
  return true;
}

void AnswerView::setBusy(bool busy) { m_again->setEnabled(!busy); }

void AnswerView::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() == QEvent::PaletteChange) applyIcons();
}

void AnswerView::applyIcons() {
  m_copy->setIcon(themedIcon("copy", palette()));
  m_again->setIcon(themedIcon("redo", palette()));
}

}  // namespace deltascope::ui
