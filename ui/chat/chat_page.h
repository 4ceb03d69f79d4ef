// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QElapsedTimer>

#include "ui/chat/conversation_store.h"
#include "ui/chat/run_settings.h"
#include "ui/chat/turn_runner.h"
#include "ui/frame/page.h"

class QComboBox;
class QSplitter;
class QTabWidget;
class QToolButton;

namespace deltascope::ui {

class Composer;
class ConversationList;
class MemoryGauge;
class ModelPanel;
class PlanView;
class SamplingPanel;
class StateStack;
class TextLabel;
class Transcript;

/// Conversations with the open model, or with two of its variants side by side.
class ChatPage : public Page {
  Q_OBJECT
 public:
  ChatPage(const PageServices& services, QWidget* parent = nullptr);
  ~ChatPage() override;
  PageActions pageActions() const override;
  QWidget* firstFocus() const override;
  void openModel(const ModelPointer& model) override;
  void closeModel() override;
  void restoreState(const Settings& settings) override;
  void saveState(Settings& settings) const override;
  void resetLayout() override;

  void setDevices(const std::vector<kernels::DeviceInfo>& devices);
  void setVariant(VariantKind kind);
  void setCompare(std::optional<VariantKind> kind);
  void send(const QString& text);
  void stop();
  [[nodiscard]] bool answering() const { return m_runner->running(); }
  [[nodiscard]] const Conversation& conversation() const;
  void showConversation(const QString& id);

 protected:
  void showEvent(QShowEvent* event) override;
  void changeEvent(QEvent* event) override;

 private:
  // Construction (chat_page_layout.cpp, chat_page_actions.cpp).
  void makeActions();
  QAction* makeAction(const char* name, const QString& text, const QKeySequence& keys, const QString& tip,
                      std::function<void()> act);
  QWidget* makeTopBar();
  QWidget* makeMiddle();
  QWidget* makePanel();
  void connectParts();
  void applyIcons();

  // Which model runs, and with what (chat_page_model.cpp).
  void fillVariants();
  void settingsChanged();
  [[nodiscard]] std::vector<Variant> sides() const;
  [[nodiscard]] QString blockedBecause() const;
  void updatePlan();
  void updateModelState();
  void updateGauge();
  void updateEmptyState();
  void loadNow();
  void unload();

  // Conversations (chat_page_conversations.cpp).
  void conversationsRead(const StoredConversations& stored);
  [[nodiscard]] Conversation* find(const QString& id);
  [[nodiscard]] Conversation& current();
  void showCurrent();
  void newConversation();
  void deleteConversation(const QString& id);
  void restoreConversation(const Conversation& conversation);
  void keep(const Conversation& conversation);
  void refreshList();
  void exportConversation();
  void copyText(const QString& text, const QString& what);
  void stepConversation(int by);

  // Turns (chat_page.cpp).
  void ask(qsizetype at);
  void editMessage(qsizetype at);
  void leaveEditing();
  void regenerate(qsizetype at);
  void truncate(qsizetype at, const QString& why, qsizetype followed);
  void copyPart(qsizetype at, int side);
  void connectRunner();
  void showProgress(int side, const LiveState& state);
  void takeAnswer(int side, const Answer& answer);
  void updateActions();
  [[nodiscard]] Exchange* turnExchange();  ///< the one being answered; null once its conversation is gone
  [[nodiscard]] bool turnShown() const;

  const PageServices m_services;
  ModelPointer m_model;
  ChatModels* m_models;
  TurnRunner* m_runner;
  ConversationStore* m_store;
  QList<Conversation> m_conversations;  ///< the last changed first; never empty
  QString m_current;
  struct Turn {
    QString conversation;
    qsizetype at = 0;
  } m_turn;
  qsizetype m_editing = -1;
  bool m_filling = false, m_stored = false;
  std::optional<MemoryPlan> m_plan;

  ConversationList* m_list = nullptr;
  Transcript* m_transcript = nullptr;
  StateStack* m_stack = nullptr;
  Composer* m_composer = nullptr;
  QSplitter* m_splitter = nullptr;
  QTabWidget* m_panel = nullptr;
  ModelPanel* m_modelPanel = nullptr;
  PlanView* m_planView = nullptr;
  SamplingPanel* m_sampling = nullptr;
  QComboBox* m_variant = nullptr;
  QComboBox* m_compare = nullptr;
  MemoryGauge* m_gauge = nullptr;
  TextLabel* m_samplingLine = nullptr;
  QToolButton* m_listButton = nullptr;
  QToolButton* m_panelButton = nullptr;
  struct Actions {
    QAction *fresh, *rename, *remove, *exportMarkdown, *exportPlan, *copyAnswer, *copyAll;
    QAction *list, *panel, *plan, *input, *earlier, *previous, *next;
    QAction *stop, *regenerate, *edit, *load, *unload, *variant, *compare;
  } m_actions{};
};

}  // namespace deltascope::ui
