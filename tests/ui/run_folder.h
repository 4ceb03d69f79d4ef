// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// A folder of runs for tests of the history.
#include <QTemporaryDir>
#include <QtTest>
#include <memory>

#include "tests/ui/sample_runs.h"
#include "ui/history/run_history.h"

namespace deltascope::ui {

inline QStringList filesOf(const OpenedRuns& opened) {
  QStringList files;
  for (const RunEntry& entry : opened.entries) files << entry.file;
  return files;
}

inline const RunEntry& entryNamed(const OpenedRuns& opened, const QString& file) {
  for (const RunEntry& entry : opened.entries)
    if (entry.file == file) return entry;
  qFatal("there is no %s", qPrintable(file));
}

inline QByteArray bytesOf(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

class RunFolder : public QObject {
 protected:
  /// A fresh one; from here on a warning fails the test.
  void begin() {
    QTest::failOnWarning(QRegularExpression(".*"));
    m_scratch = std::make_unique<QTemporaryDir>();
    m_folder = m_scratch->filePath("runs");
  }
  void makeRuns(int count) const {
    for (int i = 0; i < count; ++i) writeRun(m_folder, QString("%1.json").arg(i), sampleRun(i));
  }
  std::unique_ptr<QTemporaryDir> m_scratch;
  QString m_folder;
};

}  // namespace deltascope::ui
