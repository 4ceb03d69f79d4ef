// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/history/run_history.h"

#include <QDateTime>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <algorithm>
#include <filesystem>
#include <system_error>

#include "core/base/file.h"
#include "core/base/units.h"
#include "core/bench/record.h"
#include "ui/export/files.h"
#include "ui/history/run_reader.h"

namespace deltascope::ui {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTrash = "trash";
constexpr const char* kTimeFormat = "yyyyMMdd'T'HHmmss'Z'";
constexpr const char* kTrashTimeFormat = "yyyyMMdd'T'HHmmsszzz'Z'";
constexpr int kMostProblemsTold = 10;
constexpr int kLongestStem = 80;

fs::path native(const QString& path) { return path.toStdU16String(); }

Error folderError(const QString& folder, const std::string& what) {
  return {ErrorCode::Io, at({native(folder), {}, {}}, what), "make it writable, or free the name"};
}

Error notKept(const QString& file) { return {ErrorCode::NotFound, "there is no run " + printable(file.toStdString()), {}}; }

Result<void> makeFolder(const QString& folder) {
  if (QDir().mkpath(folder)) return {};
  return tl::make_unexpected(folderError(folder, "this folder cannot be made"));
}

/// Renames; never onto something.
Result<void> move(const QString& from, const QString& to) {
  QFile file(from);
  if (!file.exists()) return fail(ErrorCode::NotFound, at({native(from), {}, {}}, "is not there"));
  if (file.rename(to)) return {};
  return fail(ErrorCode::Io,
              at({native(from), {}, {}}, "cannot be moved to " + to.toStdString() + ": ") + file.errorString().toStdString(),
              "make the folder writable");
}

QString whyNoIndex(const Error& error) {
  if (error.code == ErrorCode::Unsupported) return QString::fromStdString(error.message);
  return QString::fromStdString(describe(error));
}

QString unreadableRemark(const std::vector<RunEntry>& entries) {
  QStringList lines;
  std::size_t count = 0;
  for (const RunEntry& entry : entries) {
    if (entry.readable()) continue;
    if (++count <= kMostProblemsTold) lines << entry.file + QStringLiteral(": ") + entry.problem;
  }
  if (count == 0) return {};
  if (count > kMostProblemsTold) lines << QStringLiteral("and %1 more").arg(count - kMostProblemsTold);
  return QString::fromStdString(counted(count, "file is not readable:", "files are not readable:")) +
         (count == 1 ? u' ' : u'\n') + lines.join(u'\n');
}

}  // namespace

struct RunHistory::Scan {
  std::map<QString, FileStamp> files;
};

RunHistory::RunHistory(QString folder, QString driver)
    : m_folder(std::move(folder)), m_index(m_folder + QStringLiteral("/index.sqlite"), std::move(driver)) {}

QString RunHistory::pathOf(const QString& file) const { return m_folder + u'/' + file; }

Result<RunHistory::Scan> RunHistory::scan() const {
  Scan scan;
  std::error_code error;
  const fs::path folder = native(m_folder);
  const auto status = fs::status(folder, error);
  if (!fs::exists(status)) return scan;
  if (!fs::is_directory(status))
    return fail(ErrorCode::InvalidArgument, at({folder, {}, {}}, "is no folder"),
                "move it away: runs are kept under this name");
  fs::directory_iterator at(folder, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name.starts_with('.') || !name.ends_with(".json")) continue;
    std::error_code gone;
    if (!at->is_regular_file(gone)) continue;
    const auto size = at->file_size(gone);
    const auto modified = at->last_write_time(gone);
    if (!gone)
      scan.files[QFile::decodeName(name.c_str())] = {static_cast<std::int64_t>(size),
                                                     std::int64_t{modified.time_since_epoch().count()}};
  }
  if (error) return tl::make_unexpected(folderError(m_folder, "cannot be read: " + error.message()));
  return scan;
}

/// What the index says of files that are as it saw them; the scan keeps the others.
std::vector<IndexedRun> RunHistory::loadIndex(Scan& scan, QStringList& remarks) {
  const std::size_t total = scan.files.size();
  auto indexed = m_index.load();
  if (!indexed) {
    const ErrorCode code = indexed.error().code;
    if (code == ErrorCode::Corrupt || code == ErrorCode::Mismatch) {
      const auto discarded = m_index.discard();
      const QString from = QString::fromStdString(counted(total, "run file"));
      if (!discarded)
        remarks << QStringLiteral(
                       "The history's index is damaged and could not be replaced (%1); runs are read from their files")
                       .arg(QString::fromStdString(discarded.error().message));
      else if (code == ErrorCode::Corrupt)
        remarks << QStringLiteral("The history's index was damaged and has been rebuilt from ") + from;
      else
        remarks << QStringLiteral("The history's index was of another version and has been rebuilt from ") + from;
    }
    return {};
  }
  std::vector<IndexedRun> fresh;
  fresh.reserve(indexed->size());
  QStringList gone;
  for (IndexedRun& run : *indexed) {
    const auto found = scan.files.find(run.entry.file);
    if (found == scan.files.end()) {
      gone << run.entry.file;
    } else if (found->second == run.stamp) {
      scan.files.erase(found);
      fresh.push_back(std::move(run));
    }
  }
  if (!gone.isEmpty()) noteInIndex({}, gone);
  return fresh;
}

Result<OpenedRuns> RunHistory::open(const JobContext& job) {
  OpenedRuns opened;
  for (const auto& [file, run] : m_kept) opened.entries.push_back(entryOf(file, run));
  if (!inMemory()) {
    DELTASCOPE_ASSIGN(Scan scan, this->scan());
    emptyTrash();
    for (IndexedRun& run : loadIndex(scan, opened.remarks)) opened.entries.push_back(std::move(run.entry));
    std::vector<QString> unknown;
    unknown.reserve(scan.files.size());
    for (const auto& [file, stamp] : scan.files) unknown.push_back(file);
    ReadRuns read = readRuns(m_folder, unknown, job);
    std::vector<IndexedRun> put;
    for (RunEntry& entry : read.entries) {
      // Unreadable ones are not indexed: another version of this program may read them.
      if (entry.readable()) put.push_back({entry, scan.files[entry.file]});
      opened.entries.push_back(std::move(entry));
    }
    if (!put.empty())
      if (const auto noted = m_index.change(put, {}); !noted)
        opened.remarks << QStringLiteral("The history has no index (%1): it reads every run file each time it is opened")
                              .arg(whyNoIndex(noted.error()));
    if (read.cancelled) return fail(ErrorCode::Cancelled, "cancelled");
  }
  std::ranges::sort(opened.entries, [](const RunEntry& a, const RunEntry& b) {
    if (a.readable() != b.readable()) return a.readable();
    return a.created != b.created ? a.created > b.created : a.file > b.file;
  });
  if (const QString remark = unreadableRemark(opened.entries); !remark.isEmpty()) opened.remarks << remark;
  return opened;
}

/// Without an index, or where it cannot be written, the next open() finds out by itself.
void RunHistory::noteInIndex(const std::vector<IndexedRun>& put, const QStringList& remove) const {
  if (inMemory()) return;
  [[maybe_unused]] const auto noted = m_index.change(put, remove);
}

QString RunHistory::freeName(const QString& wanted) const {
  const QString stem = wanted.endsWith(QStringLiteral(".json")) ? wanted.chopped(5) : wanted;
  QString name = stem + QStringLiteral(".json");
  for (int n = 2; QFileInfo::exists(pathOf(name)) || m_names.contains(name); ++n)
    name = QStringLiteral("%1-%2.json").arg(stem).arg(n);
  return name;
}

Result<QString> RunHistory::newRunFile(const QString& stem) {
  if (inMemory()) return fail(ErrorCode::Unsupported, "runs are not kept in files here");
  DELTASCOPE_TRY(makeFolder(m_folder));
  const std::lock_guard lock(m_namesMutex);
  const QString time = QDateTime::currentDateTimeUtc().toString(QLatin1String(kTimeFormat));
  const QString name = freeName(time + u'-' + fileNameOf(stem.isEmpty() ? QStringLiteral("run") : stem).left(kLongestStem));
  m_names.insert(name);
  return name;
}

Result<RunEntry> RunHistory::refresh(const QString& file) {
  if (const auto kept = m_kept.find(file); kept != m_kept.end()) return entryOf(file, kept->second);
  if (inMemory()) return tl::make_unexpected(notKept(file));
  // The stamp comes first: should the file change in between, the index is stale and not wrong.
  std::error_code error;
  const fs::path path = native(pathOf(file));
  const auto size = fs::file_size(path, error);
  const auto modified = error ? fs::file_time_type() : fs::last_write_time(path, error);
  if (error) {
    noteInIndex({}, {file});
    return fail(ErrorCode::NotFound, at({path, {}, {}}, "cannot be read: " + error.message()));
  }
  const auto run = readRun(path);
  if (!run) {
    noteInIndex({}, {file});
    return unreadableEntry(file, run.error());
  }
  RunEntry entry = entryOf(file, *run);
  noteInIndex({{entry, {static_cast<std::int64_t>(size), std::int64_t{modified.time_since_epoch().count()}}}}, {});
  return entry;
}

Result<RunEntry> RunHistory::add(const QString& path) {
  DELTASCOPE_ASSIGN(const std::string text, readTextFile(native(path)));
  DELTASCOPE_ASSIGN(BenchmarkRun run, parseRun(text, native(path)));
  if (inMemory()) return keep(std::move(run));
  DELTASCOPE_TRY(makeFolder(m_folder));
  QString name;
  {
    const std::lock_guard lock(m_namesMutex);
    const QString wanted = fileNameOf(QFileInfo(path).completeBaseName()).left(kLongestStem) + QStringLiteral(".json");
    for (const QString& present : {QFileInfo(path).fileName(), wanted})
      if (QFileInfo::exists(pathOf(present)) && readTextFile(native(pathOf(present))) == text) return refresh(present);
    name = freeName(wanted);
    m_names.insert(name);
  }
  DELTASCOPE_TRY(writeTextFile(native(pathOf(name)), text));
  return refresh(name);
}

RunEntry RunHistory::keep(BenchmarkRun run) {
  const QString file = QStringLiteral("unsaved-%1").arg(++m_lastKept);
  const auto kept = m_kept.emplace(file, std::move(run)).first;
  return entryOf(file, kept->second);
}

Result<BenchmarkRun> RunHistory::read(const QString& file) const {
  if (const auto kept = m_kept.find(file); kept != m_kept.end()) return kept->second;
  if (inMemory()) return tl::make_unexpected(notKept(file));
  return readRun(native(pathOf(file)));
}

Result<RunEntry> RunHistory::change(const QString& file, void (*set)(BenchmarkRun&, const QString&), const QString& text) {
  if (const auto kept = m_kept.find(file); kept != m_kept.end()) {
    set(kept->second, text);
    return entryOf(file, kept->second);
  }
  DELTASCOPE_ASSIGN(BenchmarkRun run, read(file));
  set(run, text);
  DELTASCOPE_TRY(writeTextFile(native(pathOf(file)), toJsonText(run)));
  return refresh(file);
}

Result<RunEntry> RunHistory::rename(const QString& file, const QString& name) {
  return change(
      file, [](BenchmarkRun& run, const QString& text) { run.name = text.toStdString(); }, name);
}

Result<RunEntry> RunHistory::setNotes(const QString& file, const QString& text) {
  return change(
      file, [](BenchmarkRun& run, const QString& notes) { run.notes = notes.toStdString(); }, text);
}

/// The time of deletion stands in the name: a renamed file keeps its own.
Result<QString> RunHistory::trashOne(const QString& file) {
  if (const auto kept = m_kept.find(file); kept != m_kept.end()) {
    m_keptTrash.insert(m_kept.extract(kept));
    return file;
  }
  if (inMemory()) return tl::make_unexpected(notKept(file));
  const QString trash = pathOf(QLatin1String(kTrash));
  DELTASCOPE_TRY(makeFolder(trash));
  QDateTime now = QDateTime::currentDateTimeUtc();
  QString name;
  do {
    name = now.toString(QLatin1String(kTrashTimeFormat)) + u'~' + file;
    now = now.addMSecs(1);
  } while (QFileInfo::exists(trash + u'/' + name));
  DELTASCOPE_TRY(move(pathOf(file), trash + u'/' + name));
  return name;
}

Result<QString> RunHistory::restoreOne(const QString& trashed) {
  if (const auto kept = m_keptTrash.find(trashed); kept != m_keptTrash.end()) {
    m_kept.insert(m_keptTrash.extract(kept));
    return trashed;
  }
  if (inMemory()) return tl::make_unexpected(notKept(trashed));
  const QString from = pathOf(QLatin1String(kTrash)) + u'/' + trashed;
  const std::lock_guard lock(m_namesMutex);
  const QString wanted = trashed.section(u'~', 1);
  // Its own name may be among those handed out; only a file in its place is in the way.
  const QString name = QFileInfo::exists(pathOf(wanted)) ? freeName(wanted) : wanted;
  DELTASCOPE_TRY(move(from, pathOf(name)));
  return name;
}

MovedRuns RunHistory::remove(const QStringList& files) {
  MovedRuns moved;
  for (const QString& file : files) {
    auto one = trashOne(file);
    if (!one) {
      moved.problem = std::move(one.error());
      break;
    }
    moved.files << file;
    moved.trashed << *one;
  }
  if (!moved.files.isEmpty()) noteInIndex({}, moved.files);
  return moved;
}

MovedRuns RunHistory::restore(const QStringList& trashed) {
  MovedRuns moved;
  for (const QString& one : trashed) {
    auto file = restoreOne(one);
    if (!file) {
      moved.problem = std::move(file.error());
      break;
    }
    moved.files << *file;
    moved.trashed << one;
  }
  return moved;
}

void RunHistory::emptyTrash() const {
  const QDir trash(pathOf(QLatin1String(kTrash)));
  const QDateTime now = QDateTime::currentDateTimeUtc();
  for (const QString& name : trash.entryList({QStringLiteral("*~*.json")}, QDir::Files)) {
    QDateTime deleted = QDateTime::fromString(name.section(u'~', 0, 0), QLatin1String(kTrashTimeFormat));
    deleted.setTimeSpec(Qt::UTC);
    if (deleted.isValid() && deleted.daysTo(now) > kTrashDays) QFile::remove(trash.filePath(name));
  }
}

}  // namespace deltascope::ui
