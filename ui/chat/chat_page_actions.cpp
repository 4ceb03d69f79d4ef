// SPDX-License-Identifier: GPL-3.0-or-later
// The part of ChatPage that makes its actions.
#include <QAction>
#include <QComboBox>
#include <QPlainTextEdit>
#include <QTabWidget>

#include "ui/chat/chat_page.h"
#include "ui/chat/composer.h"
#include "ui/chat/conversation_list.h"
#include "ui/chat/plan_view.h"
#include "ui/chat/transcript.h"

namespace deltascope::ui {

QAction* ChatPage::makeAction(const char* name, const QString& text, const QKeySequence& keys, const QString& tip,
                              std::function<void()> act) {
  auto* action = new QAction(text, this);
  action->setObjectName(name);
  action->setShortcut(keys);
  action->setStatusTip(tip);
  action->setToolTip(tip);
  connect(action, &QAction::triggered, this, std::move(act));
  return action;
}

void ChatPage::makeActions() {
  Actions& a = m_actions;
  const auto lastExchange = [this] { return conversation().exchanges.size() - 1; };
  a.fresh = makeAction("actionChatNew", "&New conversation", QKeySequence("Ctrl+N"),
                       "Begin a new conversation; the others stay", [this] { newConversation(); });
  a.rename = makeAction("actionChatRename", "Rena&me conversation", QKeySequence("Ctrl+Shift+N"),
                        "Give this conversation a name", [this] {
                          m_actions.list->setChecked(true);
                          m_list->renameCurrent();
                        });
  a.remove =
      makeAction("actionChatDelete", "&Delete conversation", QKeySequence("Ctrl+Shift+Del"),
                 "Delete this conversation; can be undone until the next message", [this] { deleteConversation(m_current); });
  a.exportMarkdown = makeAction("actionChatExport", "&Export conversation…", QKeySequence("Ctrl+S"),
                                "Write the conversation as Markdown", [this] { exportConversation(); });
  a.exportPlan = makeAction("actionChatExportPlan", "Export memory &plan…", QKeySequence("Ctrl+Shift+P"),
                            "Write the table of tensors and placements as CSV", [this] { m_planView->exportCsv(); });
  a.copyAnswer = makeAction("actionChatCopyAnswer", "Cop&y last answer", QKeySequence("Ctrl+Shift+A"),
                            "Copy the last answer as it was written", [this, lastExchange] { copyPart(lastExchange(), 0); });
  a.copyAll =
      makeAction("actionChatCopy", "Copy con&versation", QKeySequence("Ctrl+Shift+Y"),
                 "Copy the whole conversation as Markdown", [this] { copyText(toMarkdown(conversation()), "conversation"); });
  a.list = makeAction("actionChatList", "Con&versations", QKeySequence("Ctrl+Shift+H"),
                      "Show or hide the list of conversations", [] {});
  a.panel = makeAction("actionChatPanel", "Chat &settings", QKeySequence("Ctrl+,"),
                       "Show or hide sampling, model and memory plan", [] {});
  for (QAction* toggle : {a.list, a.panel}) toggle->setCheckable(true);
  connect(a.list, &QAction::toggled, this, [this](bool on) { m_list->setVisible(on); });
  connect(a.panel, &QAction::toggled, this, [this](bool on) { m_panel->setVisible(on); });
  a.plan = makeAction("actionChatPlan", "Memor&y plan", QKeySequence("Ctrl+P"),
                      "Show which tensor is where, and the expected peak", [this] {
                        m_actions.panel->setChecked(true);
                        m_panel->setCurrentWidget(m_planView);
                      });
  a.input = makeAction("actionChatInput", "Write a messa&ge", QKeySequence("Ctrl+I"), "Go to the field for messages",
                       [this] { m_composer->edit()->setFocus(Qt::ShortcutFocusReason); });
  a.earlier = makeAction("actionChatEarlier", "Show &earlier messages", QKeySequence("Ctrl+Shift+Up"),
                         "Add older messages above", [this] { m_transcript->showEarlier(); });
  a.previous = makeAction("actionChatPrevious", "Conversation a&bove", QKeySequence("Ctrl+PgUp"),
                          "Go to the conversation above this one", [this] { stepConversation(-1); });
  a.next = makeAction("actionChatNext", "Conversation belo&w", QKeySequence("Ctrl+PgDown"),
                      "Go to the conversation below this one", [this] { stepConversation(+1); });
  a.stop = makeAction("actionChatStop", "St&op the answer", QKeySequence("Esc"), "Stop answering, or leave editing",
                      [this] { stop(); });
  a.regenerate = makeAction("actionChatRegenerate", "Ask a&gain", QKeySequence("Ctrl+Shift+G"),
                            "Ask for the last answer again with the present model and settings",
                            [this, lastExchange] { regenerate(lastExchange()); });
  a.edit = makeAction("actionChatEdit", "&Edit last message", QKeySequence("Ctrl+Shift+U"),
                      "Change the last message and ask again", [this, lastExchange] { editMessage(lastExchange()); });
  a.load = makeAction("actionChatLoad", "&Load model", QKeySequence("Ctrl+L"),
                      "Read the model now instead of with the first message", [this] { loadNow(); });
  a.unload = makeAction("actionChatUnload", "Unl&oad model", QKeySequence("Ctrl+Shift+W"), "Give the model's memory back",
                        [this] { unload(); });
  a.variant =
      makeAction("actionChatVariant", "Choose the &model", QKeySequence("Ctrl+M"), "Go to the choice of what answers", [this] {
        m_variant->setFocus(Qt::ShortcutFocusReason);
        m_variant->showPopup();
      });
  a.compare = makeAction("actionChatCompare", "&Compare with", QKeySequence("Ctrl+Shift+M"),
                         "Go to the choice of a second model, asked the same", [this] {
                           m_compare->setFocus(Qt::ShortcutFocusReason);
                           m_compare->showPopup();
                         });
}

PageActions ChatPage::pageActions() const {
  const Actions& a = m_actions;
  return {.file = {a.fresh, a.rename, a.remove, a.exportMarkdown, a.exportPlan, a.copyAnswer, a.copyAll},
          .view = {a.list, a.panel, a.plan, a.input, a.earlier, a.previous, a.next},
          .run = {a.stop, a.regenerate, a.edit, a.load, a.unload, a.variant, a.compare}};
}

}  // namespace deltascope::ui
