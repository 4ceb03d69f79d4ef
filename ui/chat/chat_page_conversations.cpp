// SPDX-License-Identifier: GPL-3.0-or-later
// The part of ChatPage that keeps conversations.
#include <QClipboard>
#include <QDir>
#include <QFileInfo>
#include <QGuiApplication>
#include <QPlainTextEdit>
#include <algorithm>

#include "ui/chat/chat_page.h"
#include "ui/chat/composer.h"
#include "ui/chat/conversation_list.h"
#include "ui/chat/sampling_panel.h"
#include "ui/chat/transcript.h"
#include "ui/export/files.h"
#include "ui/frame/dialogs.h"
#include "ui/frame/settings.h"
#include "ui/frame/written.h"

namespace deltascope::ui {

void ChatPage::conversationsRead(const StoredConversations& stored) {
  m_stored = true;
  const bool untouched = conversation().isEmpty() && conversation().system.isEmpty();
  for (const Conversation& one : stored.conversations)
    if (!find(one.id)) m_conversations.append(one);
  const QString last = m_services.settings->get(setting::kChatConversation);
  if (untouched && find(last)) {
    m_conversations.removeIf([this](const Conversation& one) { return one.id == m_current; });
    m_current = last;
    showCurrent();
  }
  refreshList();
  Message message;
  if (!stored.setAside.isEmpty()) {
    message.severity = Message::Severity::Warning;
    message.text = stored.setAside.size() == 1
                       ? QString("A conversation could not be read and was set aside")
                       : QString("%1 conversations could not be read and were set aside").arg(stored.setAside.size());
    message.nextStep = "The file lies where it was under another name; all other conversations are here.";
    message.details = stored.setAside.join('\n');
    emit messageRaised(message);
  } else if (stored.leftOut > 0) {
    message.text = QString("The list shows the last %1 conversations; %2 older ones stay on disk")
                       .arg(kMaxConversations)
                       .arg(stored.leftOut);
    emit messageRaised(message);
  }
}

Conversation* ChatPage::find(const QString& id) {
  const auto found = std::ranges::find(m_conversations, id, &Conversation::id);
  return found == m_conversations.end() ? nullptr : &*found;
}

Conversation& ChatPage::current() { return *find(m_current); }

const Conversation& ChatPage::conversation() const { return *std::ranges::find(m_conversations, m_current, &Conversation::id); }

void ChatPage::keep(const Conversation& conversation) {
  if (conversation.isEmpty() && conversation.system.isEmpty())
    m_store->remove(conversation.id);
  else
    m_store->save(conversation);
}

void ChatPage::refreshList() {
  std::ranges::stable_sort(m_conversations, std::greater{}, &Conversation::changed);
  m_list->setConversations(m_conversations, m_current);
}

void ChatPage::showConversation(const QString& id) {
  if (id == m_current || !find(id)) return;
  if (m_editing >= 0) leaveEditing();
  const QString left = std::exchange(m_current, id);
  // One that holds nothing is not worth a place in the list.
  m_conversations.removeIf([&](const Conversation& one) { return one.id == left && one.isEmpty() && one.system.isEmpty(); });
  showCurrent();
}

void ChatPage::showCurrent() {
  const Conversation& conversation = current();
  m_transcript->setConversation(conversation);
  m_transcript->setBusy(answering());
  m_filling = true;
  m_composer->setText(conversation.draft);
  m_filling = false;
  m_sampling->setSystem(conversation.system);
  refreshList();
  updateActions();
}

void ChatPage::newConversation() {
  if (conversation().isEmpty() && conversation().system.isEmpty()) {
    m_composer->edit()->setFocus();
    return;
  }
  const Conversation fresh = ui::newConversation();
  m_conversations.prepend(fresh);
  showConversation(fresh.id);
  m_composer->edit()->setFocus();
}

void ChatPage::deleteConversation(const QString& id) {
  const Conversation* found = find(id);
  if (!found) return;
  const Conversation gone = *found;
  if (m_turn.conversation == id) {
    m_runner->stop();
    m_turn = {};
  }
  if (m_editing >= 0 && id == m_current) leaveEditing();
  m_conversations.removeIf([&](const Conversation& one) { return one.id == id; });
  m_store->remove(id);
  if (m_conversations.isEmpty()) m_conversations = {ui::newConversation()};
  if (id == m_current) {
    m_current = m_conversations.first().id;
    showCurrent();
  }
  refreshList();
  if (gone.isEmpty() && gone.system.isEmpty()) return;
  Message message;
  message.text = QString("Deleted “%1”").arg(titleOf(gone));
  message.actionText = "&Undo";
  message.action = [this, gone] { restoreConversation(gone); };
  emit messageRaised(message);
}

/// Puts a conversation back as it was; an answer that is being written to it is stopped and dropped.
void ChatPage::restoreConversation(const Conversation& conversation) {
  if (m_turn.conversation == conversation.id) {
    m_runner->stop();
    m_turn = {};
  }
  if (m_editing >= 0) leaveEditing();
  if (Conversation* present = find(conversation.id))
    *present = conversation;
  else
    m_conversations.append(conversation);
  keep(conversation);
  m_current = conversation.id;
  showCurrent();
}

void ChatPage::stepConversation(int by) {
  const auto at = std::ranges::find(m_conversations, m_current, &Conversation::id) - m_conversations.begin();
  const auto target = at + by;
  if (target >= 0 && target < m_conversations.size()) showConversation(QString(m_conversations[target].id));
}

void ChatPage::copyText(const QString& text, const QString& what) {
  QGuiApplication::clipboard()->setText(text);
  Message message;
  message.severity = Message::Severity::Success;
  message.text = QString("Copied the %1").arg(what);
  emit messageRaised(message);
}

void ChatPage::exportConversation() {
  if (conversation().exchanges.isEmpty()) return;
  const QString folder = m_services.settings->get(setting::kExportFolder);
  QString path = m_services.dialogs->saveFile(
      this, "Export conversation",
      QDir(folder.isEmpty() ? QDir::homePath() : folder).filePath(fileNameOf(titleOf(conversation())) + ".md"),
      "Markdown (*.md)");
  if (path.isEmpty()) return;
  if (QFileInfo(path).suffix().isEmpty()) path += ".md";
  if (const auto written = writeWhole(path, toMarkdown(conversation()).toUtf8()); !written) {
    emit messageRaised(errorMessage("Exporting the conversation", written.error()));
    return;
  }
  m_services.settings->set(setting::kExportFolder, QFileInfo(path).absolutePath());
  emit messageRaised(writtenMessage("Exported", path, *m_services.dialogs, this));
}

}  // namespace deltascope::ui
