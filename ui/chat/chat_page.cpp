// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/chat_page.h"

#include <QComboBox>
#include <QPlainTextEdit>
#include <QRandomGenerator>
#include <QSplitter>
#include <QTabWidget>
#include <QVBoxLayout>

#include "ui/chat/composer.h"
#include "ui/chat/conversation_list.h"
#include "ui/chat/memory_gauge.h"
#include "ui/chat/model_panel.h"
#include "ui/chat/plan_view.h"
#include "ui/chat/sampling_panel.h"
#include "ui/chat/transcript.h"
#include "ui/frame/recents.h"
#include "ui/frame/settings.h"
#include "ui/frame/text.h"
#include "ui/jobs/job_text.h"
#include "ui/payload/state_stack.h"

namespace deltascope::ui {
namespace {

QString liveWords(const LiveState& state, const std::optional<JobView>& job, const QString& memory) {
  switch (state.phase) {
    case LiveState::Phase::Waiting:
      return "waiting";
    case LiveState::Phase::Loading:
      return job ? "loading the model: " + summaryText(*job) : QString("loading the model");
    case LiveState::Phase::Prompt:
      return state.promptTotal > 0 ? QString("reading the prompt: %1 of %2 tokens").arg(state.promptDone).arg(state.promptTotal)
                                   : QString("reading the prompt");
    case LiveState::Phase::Answering: {
      QString words = QString("%1 tokens").arg(state.tokens);
      if (state.tokensPerSecond > 0) words += QString("  ·  %1 tok/s").arg(state.tokensPerSecond, 0, 'f', 1);
      if (!memory.isEmpty()) words += "  ·  " + memory;
      return words;
    }
    case LiveState::Phase::Stopping:
      return "stopping";
  }
  return {};
}

}  // namespace

ChatPage::ChatPage(const PageServices& services, QWidget* parent) : Page("chat", "Chat", "chat", parent), m_services(services) {
  m_models = new ChatModels(services, this);
  m_runner = new TurnRunner(services, *m_models, this);
  m_store = new ConversationStore(services.dataFolder.isEmpty() ? QString() : services.dataFolder + "/conversations",
                                  services.jobs, this);
  m_conversations = {ui::newConversation()};
  m_current = m_conversations.first().id;
  makeActions();
  m_splitter = new QSplitter(Qt::Horizontal);
  m_splitter->setObjectName("chatSplitter");
  m_splitter->setChildrenCollapsible(false);
  m_list = new ConversationList;
  m_splitter->addWidget(m_list);
  m_splitter->addWidget(makeMiddle());
  m_splitter->addWidget(makePanel());
  m_splitter->setStretchFactor(1, 1);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addWidget(makeTopBar());
  layout->addWidget(m_splitter, 1);

  m_modelPanel->setSettings(runSettingsFromJson(services.settings->get(setting::kChatRun)));
  m_modelPanel->setPayloads(services.settings->get(setting::kChatPayloads));
  m_sampling->setPresets(presetsFromJson(services.settings->get(setting::kChatPresets)));
  m_sampling->setSettings(samplingFromJson(services.settings->get(setting::kChatSampling)));
  connectParts();
  connectRunner();
  applyIcons();
  resetLayout();
  fillVariants();
  showCurrent();
  m_store->load([this](const StoredConversations& stored) { conversationsRead(stored); });
}

ChatPage::~ChatPage() { disconnect(m_runner, nullptr, this, nullptr); }

QWidget* ChatPage::firstFocus() const { return m_composer; }

void ChatPage::connectRunner() {
  connect(m_runner, &TurnRunner::textArrived, this, [this](int side, const QString& text) {
    Exchange* exchange = turnExchange();
    if (!exchange) return;
    exchange->answers[side].text += text;
    if (turnShown()) m_transcript->appendText(m_turn.at, side, text);
  });
  connect(m_runner, &TurnRunner::progressed, this, &ChatPage::showProgress);
  connect(m_runner, &TurnRunner::answered, this, &ChatPage::takeAnswer);
  connect(m_runner, &TurnRunner::compared, this, [this](const Comparison& comparison) {
    Exchange* exchange = turnExchange();
    if (!exchange) return;
    exchange->comparison = comparison;
    if (turnShown()) m_transcript->setExchange(m_turn.at, *exchange);
  });
  connect(m_runner, &TurnRunner::finished, this, [this] {
    if (Conversation* conversation = find(m_turn.conversation)) {
      conversation->changed = QDateTime::currentDateTimeUtc();
      keep(*conversation);
    }
    m_transcript->setBusy(false);
    refreshList();
    updateModelState();
    updateActions();
  });
}

Exchange* ChatPage::turnExchange() {
  Conversation* conversation = find(m_turn.conversation);
  return conversation && m_turn.at < conversation->exchanges.size() ? &conversation->exchanges[m_turn.at] : nullptr;
}

bool ChatPage::turnShown() const { return m_turn.conversation == m_current; }

void ChatPage::send(const QString& text) {
  if (answering() || text.trimmed().isEmpty() || !blockedBecause().isEmpty()) return;
  const qsizetype edited = std::exchange(m_editing, -1);
  const QString draft = edited >= 0 ? current().draft : QString();
  if (edited >= 0) {
    truncate(edited, "Message edited", current().exchanges.size() - edited - 1);
    m_composer->setEditing({});
    m_transcript->setEdited(-1);
  }
  Conversation& conversation = current();
  conversation.draft = draft;
  conversation.exchanges.append({.user = text, .answers = {}, .comparison = {}});
  m_filling = true;
  m_composer->setText(draft);
  m_filling = false;
  ask(conversation.exchanges.size() - 1);
}

/// Asks the chosen model, or both, for answers to the message at `at`, the last one.
void ChatPage::ask(qsizetype at) {
  Conversation& conversation = current();
  SamplingSettings settings = m_sampling->settings();
  if (!settings.seed && settings.temperature > 0) settings.seed = QRandomGenerator::global()->generate64();
  TurnRequest request;
  request.sampling = samplingOf(settings, 0);
  request.samplingText = samplingText(settings);
  request.raw = settings.raw;
  request.maxNewTokens = static_cast<std::uint32_t>(settings.maxNewTokens);
  Exchange& exchange = conversation.exchanges[at];
  exchange.answers.clear();
  exchange.comparison.reset();
  for (const Variant& variant : sides()) {
    TurnSide side;
    side.request = requestOf(*m_model, variant, m_modelPanel->settings());
    side.label = labelOf(*m_model, variant);
    side.source = modelName(QString::fromStdString(m_model->files.path.string()));
    const auto number = static_cast<qsizetype>(request.sides.size());
    side.messages = settings.raw ? rawTextFor(conversation, at, number) : messagesFor(conversation, at, number);
    Answer waiting;
    waiting.model = side.label;
    waiting.source = side.source;
    exchange.answers.append(waiting);
    request.sides.push_back(std::move(side));
  }
  conversation.changed = QDateTime::currentDateTimeUtc();
  keep(conversation);
  m_turn = {conversation.id, at};
  m_stack->showContent();
  m_transcript->setBusy(true);
  if (at < m_transcript->total())
    m_transcript->setExchange(at, exchange);
  else
    m_transcript->append(exchange);
  m_transcript->scrollToEnd();
  refreshList();
  m_runner->run(std::move(request));
  updateActions();
}

void ChatPage::stop() {
  if (answering())
    m_runner->stop();
  else if (m_editing >= 0)
    leaveEditing();
  updateActions();
}

void ChatPage::showProgress(int side, const LiveState& state) {
  updateGauge();
  if (state.phase == LiveState::Phase::Stopping) m_composer->setState(Composer::State::Stopping);
  if (!turnShown()) return;
  const auto job = state.job ? m_services.jobs->job(state.job) : std::nullopt;
  QString memory = m_gauge->text();
  const Exchange* exchange = turnExchange();
  if (!memory.isEmpty()) memory.prepend(exchange && exchange->answers.size() > 1 ? "both models hold " : "memory ");
  m_transcript->showLive(m_turn.at, side, liveWords(state, job, memory));
}

void ChatPage::takeAnswer(int side, const Answer& answer) {
  Exchange* exchange = turnExchange();
  if (!exchange || side >= exchange->answers.size()) return;
  exchange->answers[side] = answer;
  if (turnShown()) m_transcript->setExchange(m_turn.at, *exchange);
  if (Conversation* conversation = find(m_turn.conversation)) keep(*conversation);
  updateModelState();
}

/// Removes the messages from `at` on; what that takes away can be taken back.
void ChatPage::truncate(qsizetype at, const QString& why, qsizetype followed) {
  Conversation& conversation = current();
  const Conversation before = conversation;
  conversation.exchanges.resize(at);
  m_transcript->setConversation(conversation);
  Message message;
  message.text = followed == 0   ? why + "; what was there before can be brought back"
                 : followed == 1 ? why + "; the message that followed was removed"
                                 : QString("%1; the %2 messages that followed were removed").arg(why).arg(followed);
  message.actionText = "&Undo";
  message.action = [this, before] { restoreConversation(before); };
  emit messageRaised(message);
}

void ChatPage::editMessage(qsizetype at) {
  if (answering() || at < 0 || at >= current().exchanges.size()) return;
  m_editing = at;
  m_filling = true;  // the draft waits until this is done
  m_composer->setText(current().exchanges[at].user);
  m_filling = false;
  const bool last = at + 1 == current().exchanges.size();
  m_composer->setEditing(last ? QString("Editing message %1: sending asks again").arg(at + 1)
                              : QString("Editing message %1: sending replaces it and removes what follows").arg(at + 1));
  m_transcript->setEdited(at);
  m_composer->edit()->setFocus();
  updateActions();
}

void ChatPage::leaveEditing() {
  m_editing = -1;
  m_composer->setEditing({});
  m_transcript->setEdited(-1);
  m_filling = true;
  m_composer->setText(current().draft);
  m_filling = false;
  updateActions();
}

void ChatPage::regenerate(qsizetype at) {
  if (answering() || at < 0 || at >= current().exchanges.size() || !blockedBecause().isEmpty()) return;
  if (m_editing >= 0) leaveEditing();
  if (at + 1 < current().exchanges.size()) truncate(at + 1, "Asked again", current().exchanges.size() - at - 1);
  ask(at);
}

void ChatPage::copyPart(qsizetype at, int side) {
  const auto& exchanges = current().exchanges;
  if (at < 0 || at >= exchanges.size()) return;
  if (side < 0) return copyText(exchanges[at].user, "message");
  if (side < exchanges[at].answers.size()) copyText(exchanges[at].answers[side].text, "answer");
}

void ChatPage::updateActions() {
  const bool busy = answering(), said = !conversation().exchanges.isEmpty();
  const QString blocked = blockedBecause();
  m_composer->setState(busy ? Composer::State::Running : Composer::State::Ready);
  m_composer->setBlocked(busy ? QString() : blocked);
  m_composer->setAddressee(m_model ? m_variant->currentText() : QString());
  m_actions.stop->setEnabled(busy || m_editing >= 0);
  m_actions.stop->setText(busy || m_editing < 0 ? "St&op the answer" : "Leave &editing");
  m_actions.regenerate->setEnabled(!busy && said && blocked.isEmpty());
  m_actions.edit->setEnabled(!busy && said);
  for (QAction* action : {m_actions.copyAnswer, m_actions.copyAll, m_actions.exportMarkdown}) action->setEnabled(said);
  m_actions.exportPlan->setEnabled(m_planView->hasPlan());
  m_actions.load->setEnabled(m_model && !busy && blocked.isEmpty());
  m_actions.unload->setEnabled(m_models->any() && !busy);
  for (QWidget* control : {static_cast<QWidget*>(m_variant), static_cast<QWidget*>(m_compare)})
    control->setEnabled(m_model && !busy);
  updateEmptyState();
}

}  // namespace deltascope::ui
