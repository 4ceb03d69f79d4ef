// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QWidget>

#include "ui/chat/conversation.h"

class QListWidget;
class QPushButton;

namespace deltascope::ui {

/// The conversations by name, the last changed first. F2 renames, Delete deletes.
class ConversationList : public QWidget {
  Q_OBJECT
 public:
  explicit ConversationList(QWidget* parent = nullptr);
  void setConversations(const QList<Conversation>& conversations, const QString& current);
  void renameCurrent();
  [[nodiscard]] QListWidget* list() const { return m_list; }

 signals:
  void newRequested();
  void chosen(const QString& id);
  void renamed(const QString& id, const QString& name);
  void deleteRequested(const QString& id);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;
  void changeEvent(QEvent* event) override;

 private:
  [[nodiscard]] QString currentId() const;
  void applyHeight();
  QListWidget* m_list;
  QPushButton* m_delete;
  bool m_filling = false;
};

}  // namespace deltascope::ui
