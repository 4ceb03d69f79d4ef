// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/conversation_list.h"

#include <QHBoxLayout>
#include <QKeyEvent>
#include <QListWidget>
#include <QLocale>
#include <QPushButton>
#include <QVBoxLayout>

#include "ui/frame/metrics.h"

namespace deltascope::ui {
namespace {

constexpr int kIdRole = Qt::UserRole;

QPushButton* button(const char* name, const QString& text, const QString& tip) {
  auto* made = new QPushButton(text);
  made->setObjectName(name);
  made->setToolTip(tip);
  made->setAutoDefault(false);
  return made;
}

}  // namespace

ConversationList::ConversationList(QWidget* parent) : QWidget(parent) {
  setObjectName("chatConversations");
  m_list = new QListWidget;
  m_list->setObjectName("chatConversationList");
  m_list->setAccessibleName("Conversations");
  m_list->setFrameShape(QFrame::NoFrame);
  m_list->setTextElideMode(Qt::ElideRight);
  m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  m_list->setEditTriggers(QAbstractItemView::EditKeyPressed);
  m_list->installEventFilter(this);
  auto* fresh = button("chatNew", "New", "Begin a new conversation (Ctrl+N)");
  m_delete = button("chatDelete", "Delete", "Delete this conversation (Delete)");
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(fresh);
  buttons->addWidget(m_delete);
  buttons->addStretch(1);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(steps(*this, 2), steps(*this, 2), steps(*this, 1), steps(*this, 2));
  layout->addLayout(buttons);
  layout->addWidget(m_list, 1);
  connect(fresh, &QPushButton::clicked, this, &ConversationList::newRequested);
  connect(m_delete, &QPushButton::clicked, this, [this] { emit deleteRequested(currentId()); });
  connect(m_list, &QListWidget::currentRowChanged, this, [this] {
    if (!m_filling && !currentId().isEmpty()) emit chosen(currentId());
  });
  connect(m_list, &QListWidget::itemChanged, this, [this](QListWidgetItem* item) {
    if (!m_filling) emit renamed(item->data(kIdRole).toString(), item->text().simplified());
  });
}

void ConversationList::setConversations(const QList<Conversation>& conversations, const QString& current) {
  m_filling = true;
  while (m_list->count() > conversations.size()) delete m_list->takeItem(m_list->count() - 1);
  while (m_list->count() < conversations.size()) m_list->addItem(new QListWidgetItem);
  int row = -1;
  for (qsizetype i = 0; i < conversations.size(); ++i) {
    const Conversation& one = conversations[i];
    QListWidgetItem* item = m_list->item(static_cast<int>(i));
    const QString title = titleOf(one);
    if (item->text() != title) item->setText(title);
    item->setData(kIdRole, one.id);
    item->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable | Qt::ItemIsEditable);
    item->setToolTip(title + "\nchanged " + QLocale::c().toString(one.changed.toLocalTime(), "yyyy-MM-dd HH:mm"));
    if (one.id == current) row = static_cast<int>(i);
  }
  applyHeight();
  m_list->setCurrentRow(row);
  m_delete->setEnabled(row >= 0);
  m_filling = false;
}

void ConversationList::applyHeight() {
  for (int i = 0; i < m_list->count(); ++i) m_list->item(i)->setSizeHint(QSize(0, steps(*this, 6.5)));
}

void ConversationList::changeEvent(QEvent* event) {
  QWidget::changeEvent(event);
  if (event->type() != QEvent::FontChange) return;
  m_filling = true;  // a new height is no new name
  applyHeight();
  m_filling = false;
}

void ConversationList::renameCurrent() {
  if (m_list->currentItem()) m_list->editItem(m_list->currentItem());
}

QString ConversationList::currentId() const {
  return m_list->currentItem() ? m_list->currentItem()->data(kIdRole).toString() : QString();
}

bool ConversationList::eventFilter(QObject* watched, QEvent* event) {
  if (watched == m_list && event->type() == QEvent::KeyPress && static_cast<QKeyEvent*>(event)->key() == Qt::Key_Delete) {
    if (!currentId().isEmpty()) emit deleteRequested(currentId());
    return true;
  }
  return QWidget::eventFilter(watched, event);
}

}  // namespace deltascope::ui
