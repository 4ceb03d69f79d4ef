// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The runs that were made on this machine: a folder of run files, one JSON each, which are the truth, and an index of them
/// (index.sqlite) that only saves reading them all.
#include <QHash>
#include <QString>
#include <QStringList>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "core/base/job.h"
#include "ui/history/run_index.h"

namespace deltascope::ui {

/// What open() found.
struct OpenedRuns {
  std::vector<RunEntry> entries;  ///< the last created first; unreadable files last
  QStringList remarks;            ///< in words, for the user; empty: nothing is out of the ordinary
};

/// What remove() or restore() did. With a problem, the files named here were moved and the others are where they were.
struct MovedRuns {
  QStringList files;             ///< names in the folder
  QStringList trashed;           ///< their names in the trash, in the same order: what restore() takes
  std::optional<Error> problem;  ///< what stopped it
};

/// Threads: one at a time, any; newRunFile() and pathOf() from several at once. Run files are replaced whole or not at all;
/// one that cannot be read is listed with its problem and never changed. With an empty folder runs are kept in memory, until
/// the object goes.
class RunHistory {
 public:
  static constexpr int kTrashDays = 30;

  /// `driver`: of Qt SQL; without it every open() reads all files.
  explicit RunHistory(QString folder = {}, QString driver = QStringLiteral("QSQLITE"));

  [[nodiscard]] const QString& folder() const { return m_folder; }
  [[nodiscard]] bool inMemory() const { return m_folder.isEmpty(); }
  [[nodiscard]] QString pathOf(const QString& file) const;

  /// Lists the runs, reading those that the index does not know in this state, and empties the trash of what is older than
  /// kTrashDays. A folder that is not there is empty. Progress counts files as tensors. Errors: no such folder can be, or
  /// Cancelled; what was read until then is in the index.
  [[nodiscard]] Result<OpenedRuns> open(const JobContext& job = {});

  /// A name that no run has, for one that begins now: UTC time and `stem`. Makes the folder. Errors: it cannot be made, or the
  /// history is in memory.
  [[nodiscard]] Result<QString> newRunFile(const QString& stem);
  /// Reads the file again after it was written. NotFound: it is gone, and no longer in the index either.
  [[nodiscard]] Result<RunEntry> refresh(const QString& file);
  /// Copies a run file from elsewhere into the folder; one that is there already is not copied again. Errors: no run.
  [[nodiscard]] Result<RunEntry> add(const QString& path);
  /// Keeps a run that has no file, in memory.
  [[nodiscard]] RunEntry keep(BenchmarkRun run);
  [[nodiscard]] Result<BenchmarkRun> read(const QString& file) const;

  [[nodiscard]] Result<RunEntry> rename(const QString& file, const QString& name);
  [[nodiscard]] Result<RunEntry> setNotes(const QString& file, const QString& text);

  /// Moves files into the folder "trash"; nothing is overwritten.
  [[nodiscard]] MovedRuns remove(const QStringList& files);
  /// Brings them back, under another name where theirs was taken meanwhile.
  [[nodiscard]] MovedRuns restore(const QStringList& trashed);

 private:
  struct Scan;
  [[nodiscard]] Result<Scan> scan() const;
  [[nodiscard]] std::vector<IndexedRun> loadIndex(Scan& scan, QStringList& remarks);
  [[nodiscard]] Result<RunEntry> change(const QString& file, void (*set)(BenchmarkRun&, const QString&), const QString& text);
  [[nodiscard]] Result<QString> trashOne(const QString& file);
  [[nodiscard]] Result<QString> restoreOne(const QString& trashed);
  [[nodiscard]] QString freeName(const QString& wanted) const;
  void emptyTrash() const;
  void noteInIndex(const std::vector<IndexedRun>& put, const QStringList& remove) const;

  QString m_folder;
  RunIndex m_index;
  std::map<QString, BenchmarkRun> m_kept, m_keptTrash;
  std::uint64_t m_lastKept = 0;
  std::mutex m_namesMutex;
  std::set<QString> m_names;  ///< handed out by newRunFile
};

}  // namespace deltascope::ui
