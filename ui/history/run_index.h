// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// An SQLite table of what run files say, so that thousands of them need not be parsed. Never the only place where anything is
/// kept: whatever is wrong with it, it is thrown away and made again from the files. Internal to ui/history.
#include <QStringList>
#include <vector>

#include "core/base/result.h"
#include "ui/history/run_entry.h"

namespace deltascope::ui {

/// What tells one version of a file from another, without reading it.
struct FileStamp {
  std::int64_t size = -1, modified = 0;  ///< bytes; ticks of the file system's clock
  bool operator==(const FileStamp&) const = default;
};

struct IndexedRun {
  RunEntry entry;
  FileStamp stamp;
};

/// Opens a connection of its own for each call, so that any thread may make it, one at a time. Every change is one transaction.
class RunIndex {
 public:
  static constexpr int kSchema = 2;  ///< raise it when RunEntry means something else

  /// `driver`: of Qt SQL.
  explicit RunIndex(QString path, QString driver = QStringLiteral("QSQLITE"));

  [[nodiscard]] const QString& path() const { return m_path; }
  /// NotFound: there is none. Unsupported: no such driver. Mismatch: of another schema. Corrupt: damaged.
  [[nodiscard]] Result<std::vector<IndexedRun>> load() const;
  /// Makes the table if it is missing.
  [[nodiscard]] Result<void> change(const std::vector<IndexedRun>& put, const QStringList& remove) const;
  /// Removes the files, so that change() starts afresh.
  [[nodiscard]] Result<void> discard() const;

 private:
  QString m_path, m_driver;
};

}  // namespace deltascope::ui
