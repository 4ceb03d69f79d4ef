// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/chat/conversation_store.h"

#include <QDir>
#include <QFile>
#include <QRegularExpression>
#include <QTimer>
#include <algorithm>
#include <map>
#include <mutex>

#include "ui/export/files.h"
#include "ui/jobs/job_runner.h"

namespace deltascope::ui {
namespace {

constexpr int kSaveDelayMs = 600;

/// Renames a file that could not be read, so that nothing overwrites it.
QString setAside(const QString& path) {
  QString aside = path + ".unreadable";
  for (int n = 2; QFileInfo::exists(aside); ++n) aside = QString("%1.unreadable-%2").arg(path).arg(n);
  return QFile::rename(path, aside) ? aside : path;
}

Result<Conversation> readOne(const QFileInfo& file) {
  if (file.size() > kMaxConversationBytes) return fail(ErrorCode::Corrupt, "larger than any conversation");
  QFile in(file.filePath());
  if (!in.open(QIODevice::ReadOnly)) return fail(ErrorCode::Io, in.errorString().toStdString());
  auto conversation = conversationFromJson(in.read(kMaxConversationBytes));
  if (conversation && conversation->id != file.completeBaseName())
    return fail(ErrorCode::Corrupt, "holds the conversation of another file");
  return conversation;
}

}  // namespace

StoredConversations readConversations(const QString& folder) {
  StoredConversations stored;
  QFileInfoList files = QDir(folder).entryInfoList({"*.json"}, QDir::Files, QDir::Time);
  if (files.size() > kMaxConversations) {
    stored.leftOut = static_cast<std::size_t>(files.size() - kMaxConversations);
    files.resize(kMaxConversations);
  }
  for (const QFileInfo& file : files) {
    const auto conversation = readOne(file);
    if (conversation) {
      stored.conversations.append(*conversation);
      continue;
    }
    const QString why = QString::fromStdString(conversation.error().message);
    // One that the system refuses to read may be readable later: it stays where it is.
    const QString now = conversation.error().code == ErrorCode::Io ? file.filePath() : setAside(file.filePath());
    stored.setAside << QString("%1: %2").arg(QDir::toNativeSeparators(now), why);
  }
  std::ranges::stable_sort(stored.conversations, std::greater{}, &Conversation::changed);
  return stored;
}

/// Serialises writers: a slow background write never lands on top of a newer one.
struct ConversationStore::Writer {
  std::mutex mutex;
  std::map<QString, std::uint64_t> written;  ///< id → number of the write that is on disk
  std::uint64_t last = 0;                    ///< window's thread only

  Result<void> write(const QString& folder, const QString& id, const std::optional<Conversation>& conversation,
                     std::uint64_t number) {
    std::lock_guard lock(mutex);
    auto& present = written[id];
    if (present >= number) return {};
    Result<void> done = put(folder, id, conversation);
    if (done) present = number;
    return done;
  }
  static Result<void> put(const QString& folder, const QString& id, const std::optional<Conversation>& conversation) {
    const QString path = QDir(folder).filePath(id + ".json");
    if (!conversation) {
      if (QFile::exists(path) && !QFile::remove(path))
        return fail(ErrorCode::Io, path.toStdString() + ": could not be removed");
      return {};
    }
    if (!QDir().mkpath(folder)) return fail(ErrorCode::Io, folder.toStdString() + ": could not be made");
    return writeWhole(path, toJson(*conversation));
  }
};

ConversationStore::ConversationStore(QString folder, JobRunner* jobs, QObject* parent)
    : QObject(parent), m_folder(std::move(folder)), m_jobs(jobs), m_writer(std::make_shared<Writer>()) {
  m_timer = new QTimer(this);
  m_timer->setSingleShot(true);
  m_timer->setInterval(kSaveDelayMs);
  connect(m_timer, &QTimer::timeout, this, &ConversationStore::writeWaiting);
}

void ConversationStore::load(std::function<void(const StoredConversations&)> done) {
  if (m_folder.isEmpty()) return done({});
  m_jobs->start(
      JobSpec{.title = "Conversations", .kind = "conversations", .lane = JobLane::Background, .result = {}},
      [folder = m_folder](const JobContext&) -> Result<StoredConversations> { return readConversations(folder); }, this,
      [done = std::move(done)](const Result<StoredConversations>& stored) {
        if (stored) done(*stored);
      });
}

void ConversationStore::save(const Conversation& conversation) { change(conversation.id, conversation); }

void ConversationStore::remove(const QString& id) { change(id, std::nullopt); }

void ConversationStore::change(const QString& id, std::optional<Conversation> conversation) {
  if (m_folder.isEmpty()) return;
  m_waiting[id] = {++m_writer->last, std::move(conversation)};
  if (!m_timer->isActive()) m_timer->start();
}

void ConversationStore::writeWaiting() {
  m_timer->stop();
  const auto waiting = std::exchange(m_waiting, {});
  for (auto it = waiting.cbegin(); it != waiting.cend(); ++it) {
    m_inFlight[it.key()] = it.value();
    m_jobs->start(
        JobSpec{.title = "Save conversation", .kind = "conversations", .lane = JobLane::Background, .result = {}},
        [writer = m_writer, folder = m_folder, id = it.key(), change = it.value()](const JobContext&) {
          return writer->write(folder, id, change.conversation, change.number);
        },
        this,
        [this, id = it.key(), number = it.value().number](const Result<void>& written) {
          if (!written && written.error().code == ErrorCode::Cancelled) return;  // flush() writes it
          if (m_inFlight.value(id).number == number) m_inFlight.remove(id);
          if (!written) emit failed(written.error());
        });
  }
}

Result<void> ConversationStore::flush() {
  m_timer->stop();
  auto changes = std::exchange(m_inFlight, {});
  const auto waiting = std::exchange(m_waiting, {});
  for (auto it = waiting.cbegin(); it != waiting.cend(); ++it) changes[it.key()] = it.value();
  Result<void> all;
  for (auto it = changes.cbegin(); it != changes.cend(); ++it)
    if (auto written = m_writer->write(m_folder, it.key(), it.value().conversation, it.value().number); !written) all = written;
  return all;
}

}  // namespace deltascope::ui
