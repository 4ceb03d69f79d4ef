// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/transcript.h"

#include <QCoreApplication>
#include <QEvent>
#include <QPushButton>
#include <QScrollBar>
#include <QTimer>
#include <QVBoxLayout>
#include <algorithm>

#include "core/base/units.h"
#include "ui/chat/answer_view.h"
#include "ui/chat/exchange_view.h"
#include "ui/frame/metrics.h"

namespace deltascope::ui {
namespace {

constexpr double kLineCharacters = 130;  ///< a single answer is not wider: long lines are hard to read

}  // namespace

Transcript::Transcript(QWidget* parent) : QScrollArea(parent) {
  setObjectName("chatTranscript");
  setAccessibleName("Conversation");
  setFrameShape(QFrame::NoFrame);
  setWidgetResizable(true);
  setFocusPolicy(Qt::NoFocus);
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  m_content = new QWidget;
  m_content->setObjectName("chatTranscriptContent");
  m_column = new QVBoxLayout(m_content);
  m_more = new QPushButton;
  m_more->setObjectName("chatEarlier");
  m_more->setAutoDefault(false);
  m_more->hide();
  connect(m_more, &QPushButton::clicked, this, &Transcript::showEarlier);
  m_column->addWidget(m_more, 0, Qt::AlignHCenter);
  m_column->addStretch(1);
  setWidget(m_content);
  m_work = new QTimer(this);
  m_work->setInterval(0);
  connect(m_work, &QTimer::timeout, this, &Transcript::workOn);
  // Where the user is: at the end (new text keeps them there), or reading further up.
  connect(verticalScrollBar(), &QScrollBar::valueChanged, this,
          [this](int value) { m_follow = value >= verticalScrollBar()->maximum() - steps(*this, 4); });
  connect(verticalScrollBar(), &QScrollBar::rangeChanged, this, [this](int, int maximum) {
    if (m_follow) verticalScrollBar()->setValue(maximum);
  });
}

ExchangeView* Transcript::makeView(qsizetype at, const Exchange& exchange) {
  auto* view = new ExchangeView(static_cast<int>(at + 1));
  view->setBusy(m_busy);
  view->setExchange(exchange);
  connect(view, &ExchangeView::copyRequested, this, [this, at](int side) { emit copyRequested(at, side); });
  connect(view, &ExchangeView::editRequested, this, [this, at] { emit editRequested(at); });
  connect(view, &ExchangeView::regenerateRequested, this, [this, at] { emit regenerateRequested(at); });
  return view;
}

void Transcript::setConversation(const Conversation& conversation) {
  setUpdatesEnabled(false);
  qDeleteAll(m_views);
  m_views.clear();
  m_wide = std::ranges::any_of(conversation.exchanges, [](const Exchange& one) { return one.answers.size() > 1; });
  applyWidth();
  const qsizetype first = std::max<qsizetype>(0, conversation.exchanges.size() - kShownFirst);
  m_earlier = conversation.exchanges.first(first);
  for (qsizetype at = first; at < conversation.exchanges.size(); ++at) append(conversation.exchanges[at]);
  m_wanted = std::min(first, kShownAtOnce - kShownFirst);
  updateEarlier();
  scrollToEnd();
  setUpdatesEnabled(true);
  m_work->start();
}

void Transcript::append(const Exchange& exchange) {
  ExchangeView* view = makeView(m_earlier.size() + m_views.size(), exchange);
  m_views.append(view);
  if (exchange.answers.size() > 1 && !std::exchange(m_wide, true)) applyWidth();
  m_column->insertWidget(m_column->count() - 1, view);
  m_work->start();
}

void Transcript::setExchange(qsizetype at, const Exchange& exchange) {
  if (ExchangeView* view = viewAt(at)) view->setExchange(exchange);
  if (exchange.answers.size() > 1 && !std::exchange(m_wide, true)) applyWidth();
  m_work->start();
}

void Transcript::appendText(qsizetype at, int side, const QString& text) {
  if (ExchangeView* view = viewAt(at))
    if (AnswerView* answer = view->answer(side)) {
      answer->append(text);
      settle(*answer);
    }
}

void Transcript::showLive(qsizetype at, int side, const QString& words) {
  if (ExchangeView* view = viewAt(at))
    if (AnswerView* answer = view->answer(side)) {
      answer->showLive(words);
      settle(*answer);
    }
}

/// Every layout around follows now, from the inside out: text takes its new height at once, and what is below it would be
/// painted where it was until the event loop has come to each of them in turn.
void Transcript::settle(QWidget& from) {
  for (QWidget* widget = &from; widget != viewport(); widget = widget->parentWidget())
    if (widget->layout()) widget->layout()->activate();
  QEvent request(QEvent::LayoutRequest);
  QCoreApplication::sendEvent(this, &request);
}

void Transcript::setBusy(bool busy) {
  m_busy = busy;
  for (ExchangeView* view : m_views) view->setBusy(busy);
}

void Transcript::setEdited(qsizetype at) {
  for (ExchangeView* view : m_views) view->setEdited(view == viewAt(at));
}

void Transcript::showEarlier() {
  m_wanted = std::min(m_earlier.size(), kShownAtOnce);
  m_follow = false;
  updateEarlier();
  m_work->start();
}

/// What is on the screen stays where it is.
void Transcript::prependOne() {
  const int before = m_content->sizeHint().height();
  ExchangeView* view = makeView(m_earlier.size() - 1, m_earlier.last());
  m_earlier.removeLast();
  m_views.prepend(view);
  m_column->insertWidget(1, view);
  --m_wanted;
  updateEarlier();
  if (m_follow) return;
  m_column->activate();
  const int grown = m_content->sizeHint().height() - before;
  m_content->resize(m_content->width(), m_content->height() + grown);
  verticalScrollBar()->setValue(verticalScrollBar()->value() + grown);
}

void Transcript::updateEarlier() {
  m_more->setVisible(m_earlier.size() > m_wanted);
  const auto next = std::min(m_earlier.size() - m_wanted, kShownAtOnce);
  m_more->setText(QString("Show %1 earlier of %2")
                      .arg(next)
                      .arg(QString::fromStdString(formatCount(static_cast<std::uint64_t>(m_earlier.size() + m_views.size())))));
  m_more->setToolTip("The conversation shows its last messages first");
}

void Transcript::scrollToEnd() {
  m_follow = true;
  verticalScrollBar()->setValue(verticalScrollBar()->maximum());
}

ExchangeView* Transcript::viewAt(qsizetype at) const {
  const qsizetype index = at - m_earlier.size();
  return at >= 0 && index >= 0 && index < m_views.size() ? m_views[index] : nullptr;
}

/// One message a turn of the event loop. The last first: it is what the user sees.
void Transcript::workOn() {
  for (auto view = m_views.rbegin(); view != m_views.rend(); ++view)
    if ((*view)->render()) return;
  if (m_wanted > 0) return prependOne();
  m_work->stop();
}

bool Transcript::rendering() const { return m_work->isActive(); }

void Transcript::resizeEvent(QResizeEvent* event) {
  QScrollArea::resizeEvent(event);
  applyWidth();
}

void Transcript::applyWidth() {
  const int widest = characters(*this, m_wide ? 2 * kLineCharacters : kLineCharacters);
  const int side = std::max(steps(*this, 4), (viewport()->width() - widest) / 2);
  m_column->setContentsMargins(side, steps(*this, 4), side, steps(*this, 2));
}

}  // namespace deltascope::ui
