// SPDX-License-Identifier: GPL-3.0-or-later
// The part of ChatPage that makes its parts and joins them.
#include <QComboBox>
#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QScrollArea>
#include <QSplitter>
#include <QTabWidget>
#include <QToolButton>
#include <QVBoxLayout>

#include "ui/chat/chat_page.h"
#include "ui/chat/composer.h"
#include "ui/chat/conversation_list.h"
#include "ui/chat/memory_gauge.h"
#include "ui/chat/model_panel.h"
#include "ui/chat/plan_view.h"
#include "ui/chat/sampling_panel.h"
#include "ui/chat/small_button.h"
#include "ui/chat/transcript.h"
#include "ui/frame/icons.h"
#include "ui/frame/metrics.h"
#include "ui/frame/settings.h"
#include "ui/frame/text.h"
#include "ui/payload/state_stack.h"

namespace deltascope::ui {
namespace {

QScrollArea* scrolled(QWidget* content, const char* name) {
  auto* scroll = new QScrollArea;
  scroll->setObjectName(name);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setWidgetResizable(true);
  scroll->setFocusPolicy(Qt::NoFocus);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  scroll->setWidget(content);
  return scroll;
}

/// "what. What to do"
QString sentences(const Error& error) {
  const QString hint = QString::fromStdString(error.hint);
  return QString::fromStdString(error.message) + (hint.isEmpty() ? QString() : ". " + hint.left(1).toUpper() + hint.mid(1));
}

QComboBox* modelBox(const char* name, const QString& accessible, const QString& tip) {
  auto* box = new QComboBox;
  box->setObjectName(name);
  box->setAccessibleName(accessible);
  box->setToolTip(tip);
  box->setSizeAdjustPolicy(QComboBox::AdjustToContents);
  return box;
}

}  // namespace

QWidget* ChatPage::makeTopBar() {
  auto* bar = new QWidget;
  bar->setObjectName("chatTopBar");
  m_variant = modelBox("chatVariant", "Model that answers", "What of the open model answers (Ctrl+M)");
  m_compare = modelBox("chatCompare", "Compare with", "A second model, asked the same (Ctrl+Shift+M)");
  m_samplingLine = new TextLabel(TextKind::Muted);
  m_samplingLine->setObjectName("chatSamplingLine");
  m_samplingLine->setWordWrap(false);
  m_samplingLine->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  m_samplingLine->setAlignment(Qt::AlignRight | Qt::AlignVCenter);
  m_gauge = new MemoryGauge;
  m_listButton = smallButton("chatToggleList", "Show or hide the conversations");
  m_listButton->setToolTip("Show or hide the conversations (Ctrl+Shift+H)");
  m_panelButton = smallButton("chatTogglePanel", "Show or hide the settings");
  m_panelButton->setToolTip("Show or hide the settings (Ctrl+,)");
  for (const auto& [button, action] : {std::pair{m_listButton, m_actions.list}, std::pair{m_panelButton, m_actions.panel}}) {
    button->setCheckable(true);
    connect(button, &QToolButton::clicked, action, &QAction::trigger);
    connect(action, &QAction::toggled, button, &QToolButton::setChecked);
  }
  auto* with = new TextLabel(TextKind::Muted, "compare with");
  with->setWordWrap(false);
  auto* layout = new QHBoxLayout(bar);
  layout->setContentsMargins(steps(*this, 2), steps(*this, 1.5), steps(*this, 2), steps(*this, 1.5));
  layout->setSpacing(steps(*this, 2));
  layout->addWidget(m_listButton);
  layout->addWidget(m_variant);
  layout->addWidget(with);
  layout->addWidget(m_compare);
  layout->addWidget(m_samplingLine, 1);
  layout->addWidget(m_gauge);
  layout->addWidget(m_panelButton);
  return bar;
}

QWidget* ChatPage::makeMiddle() {
  m_transcript = new Transcript;
  m_stack = new StateStack(m_transcript);
  m_stack->setObjectName("chatStack");
  m_stack->button()->setObjectName("chatEmptyButton");
  m_composer = new Composer;
  auto* middle = new QWidget;
  auto* layout = new QVBoxLayout(middle);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addWidget(m_stack, 1);
  layout->addWidget(m_composer);
  return middle;
}

QWidget* ChatPage::makePanel() {
  m_modelPanel = new ModelPanel(m_services);
  m_planView = new PlanView(m_services);
  m_sampling = new SamplingPanel;
  m_panel = new QTabWidget;
  m_panel->setObjectName("chatPanel");
  m_panel->setDocumentMode(true);
  m_panel->tabBar()->setObjectName("chatPanelTabs");
  m_panel->tabBar()->setAccessibleName("Settings of the chat");
  m_panel->addTab(scrolled(m_sampling, "chatSamplingScroll"), "Answer");
  m_panel->addTab(scrolled(m_modelPanel, "chatModelScroll"), "Model");
  m_panel->addTab(m_planView, "Plan");
  m_panel->setMinimumWidth(characters(*this, 46));
  return m_panel;
}

void ChatPage::connectParts() {
  connect(m_composer, &Composer::sendRequested, this, &ChatPage::send);
  connect(m_composer, &Composer::stopRequested, this, &ChatPage::stop);
  connect(m_composer, &Composer::editingLeft, this, &ChatPage::leaveEditing);
  connect(m_composer, &Composer::textChanged, this, [this] {
    if (m_filling || m_editing >= 0) return;
    current().draft = m_composer->text();
    keep(current());
  });
  connect(m_transcript, &Transcript::copyRequested, this, &ChatPage::copyPart);
  connect(m_transcript, &Transcript::editRequested, this, &ChatPage::editMessage);
  connect(m_transcript, &Transcript::regenerateRequested, this, &ChatPage::regenerate);
  connect(m_stack, &StateStack::buttonPressed, this, [this] {
    if (m_model)
      loadNow();
    else
      emit demoRequested();
  });
  connect(m_list, &ConversationList::newRequested, this, &ChatPage::newConversation);
  connect(m_list, &ConversationList::chosen, this, &ChatPage::showConversation);
  connect(m_list, &ConversationList::deleteRequested, this, &ChatPage::deleteConversation);
  connect(m_list, &ConversationList::renamed, this, [this](const QString& id, const QString& name) {
    Conversation* conversation = find(id);
    if (!conversation) return;
    conversation->name = name;
    keep(*conversation);
    refreshList();
  });
  connect(m_store, &ConversationStore::failed, this,
          [this](const Error& error) { emit messageRaised(errorMessage("Keeping the conversation", error)); });
  for (QComboBox* box : {m_variant, m_compare})
    connect(box, &QComboBox::currentIndexChanged, this, [this] {
      if (!m_filling) settingsChanged();
    });
  connect(m_modelPanel, &ModelPanel::changed, this, &ChatPage::settingsChanged);
  connect(m_modelPanel, &ModelPanel::payloadsChanged, this, [this] {
    fillVariants();
    if (!m_modelPanel->payloads().isEmpty()) setVariant(VariantKind::Stack);
  });
  connect(m_modelPanel, &ModelPanel::loadRequested, this, &ChatPage::loadNow);
  connect(m_modelPanel, &ModelPanel::unloadRequested, this, &ChatPage::unload);
  connect(m_sampling, &SamplingPanel::changed, this, &ChatPage::settingsChanged);
  connect(m_sampling, &SamplingPanel::presetsChanged, this,
          [this] { m_services.settings->set(setting::kChatPresets, presetsToJson(m_sampling->presets())); });
  connect(m_sampling, &SamplingPanel::systemChanged, this, [this] {
    current().system = m_sampling->system();
    keep(current());
  });
  connect(m_planView, &PlanView::messageRaised, this, &Page::messageRaised);
  connect(m_planView, &PlanView::planned, this, [this](const MemoryPlan& plan) {
    m_plan = plan;
    m_modelPanel->setBudgetProblem({});
    updateGauge();
    updateActions();
  });
  connect(m_planView, &PlanView::refused, this, [this](const Error& error) {
    m_plan.reset();
    const bool budget = error.code == ErrorCode::InvalidArgument && !m_modelPanel->settings().budget.isEmpty();
    m_modelPanel->setBudgetProblem(budget ? sentences(error) : QString());
    updateGauge();
    updateActions();
  });
  connect(m_models, &ChatModels::changed, this, &ChatPage::updateModelState);
  connect(m_models, &ChatModels::noted, this, [this](const QString& note) {
    Message message;
    message.text = note;
    emit messageRaised(message);
  });
}

void ChatPage::applyIcons() {
  const QPalette& colors = palette();
  m_listButton->setIcon(themedIcon("list", colors));
  m_panelButton->setIcon(themedIcon("settings", colors));
}

void ChatPage::changeEvent(QEvent* event) {
  Page::changeEvent(event);
  if (event->type() == QEvent::PaletteChange && m_panelButton) applyIcons();
}

void ChatPage::restoreState(const Settings& settings) {
  if (const QByteArray splitter = settings.get(setting::kChatSplitter); !splitter.isEmpty()) m_splitter->restoreState(splitter);
  m_panel->setCurrentIndex(settings.get(setting::kChatTab));
  m_actions.list->setChecked(settings.get(setting::kChatList));
  m_actions.panel->setChecked(settings.get(setting::kChatPanel));
}

void ChatPage::saveState(Settings& settings) const {
  settings.set(setting::kChatSplitter, m_splitter->saveState());
  settings.set(setting::kChatTab, m_panel->currentIndex());
  settings.set(setting::kChatList, m_actions.list->isChecked());
  settings.set(setting::kChatPanel, m_actions.panel->isChecked());
  settings.set(setting::kChatRun, toJson(m_modelPanel->settings()));
  settings.set(setting::kChatSampling, toJson(m_sampling->settings()));
  settings.set(setting::kChatPayloads, m_modelPanel->payloads());
  if (m_model) {
    settings.set(setting::kChatVariant, m_variant->currentData().toInt());
    settings.set(setting::kChatCompare, m_compare->currentData().toInt());
  }
  settings.set(setting::kChatConversation, m_current);
  (void)m_store->flush();  // the window is closing: nobody is left to tell
}

void ChatPage::resetLayout() {
  m_splitter->setSizes({characters(*this, 34), characters(*this, 140), characters(*this, 54)});
  m_actions.list->setChecked(true);
  m_actions.panel->setChecked(false);
  m_list->setVisible(true);
  m_panel->setVisible(false);
}

}  // namespace deltascope::ui
