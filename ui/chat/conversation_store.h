// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Conversations on disk: one JSON file each, read and written off the window's thread, each file whole or not at all.
#include <QMap>
#include <QObject>
#include <QStringList>
#include <functional>
#include <memory>

#include "ui/chat/conversation.h"

class QTimer;

namespace deltascope::ui {

class JobRunner;

/// What a folder of conversations held.
struct StoredConversations {
  QList<Conversation> conversations;  ///< the last changed first
  QStringList setAside;               ///< "NAME: why", of files that could not be read; they lie beside as NAME.unreadable
  std::size_t leftOut = 0;            ///< older ones beyond kMaxConversations: still there, not shown
};

inline constexpr qsizetype kMaxConversations = 500;
inline constexpr qint64 kMaxConversationBytes = qint64{64} << 20;

/// Any thread. A folder that is not there is empty.
[[nodiscard]] StoredConversations readConversations(const QString& folder);

/// Owned by the page, on the window's thread. With an empty folder nothing is kept.
class ConversationStore : public QObject {
  Q_OBJECT
 public:
  ConversationStore(QString folder, JobRunner* jobs, QObject* parent = nullptr);

  void load(std::function<void(const StoredConversations&)> done);
  /// Writes it soon, in the background; the latest call for an id wins.
  void save(const Conversation& conversation);
  void remove(const QString& id);
  /// Writes at once what has not been written for certain: for a window that closes.
  [[nodiscard]] Result<void> flush();

 signals:
  void failed(const deltascope::Error& error);  ///< writing did not work; what is in memory stays

 private:
  struct Writer;
  void change(const QString& id, std::optional<Conversation> conversation);
  void writeWaiting();
  QString m_folder;
  JobRunner* m_jobs;
  QTimer* m_timer;
  struct Change {
    std::uint64_t number = 0;
    std::optional<Conversation> conversation;  ///< empty: to be removed
  };
  QMap<QString, Change> m_waiting;   ///< for the timer
  QMap<QString, Change> m_inFlight;  ///< given to a job that has not reported back
  std::shared_ptr<Writer> m_writer;
};

}  // namespace deltascope::ui
