// SPDX-License-Identifier: GPL-3.0-or-later
// Runs are renamed, removed, restored and copied, and nothing is overwritten.
#include "tests/ui/run_folder.h"

using namespace deltascope;
using namespace deltascope::ui;

class TestRunTrash : public RunFolder {
  Q_OBJECT
 private slots:
  void init() { begin(); }

  void namesAndNotesOutliveTheIndex() {
    makeRuns(2);
    RunHistory history(m_folder);
    QVERIFY(history.open());
    const auto renamed = history.rename("1.json", "entropy, two lanes");
    QVERIFY(renamed);
    QCOMPARE(renamed->name, "entropy, two lanes");
    QVERIFY(history.setNotes("1.json", "slow because\nof the fan \"x\""));
    const auto run = readRun((m_folder + "/1.json").toStdString());
    QVERIFY(run);
    BenchmarkRun expected = sampleRun(1);
    expected.name = "entropy, two lanes";
    expected.notes = "slow because\nof the fan \"x\"";
    QCOMPARE(toJsonText(*run), toJsonText(expected));
    for (const bool keepIndex : {true, false}) {
      if (!keepIndex) QFile::remove(m_folder + "/index.sqlite");
      const auto opened = RunHistory(m_folder).open();
      QVERIFY(opened);
      QCOMPARE(entryNamed(*opened, "1.json").name, "entropy, two lanes");
      QCOMPARE(entryNamed(*opened, "1.json").notes, "slow because\nof the fan \"x\"");
    }
    QCOMPARE(QDir(m_folder).entryList({"*.part"}, QDir::Files | QDir::Hidden), QStringList());
  }

  void removedRunsComeBack() {
    makeRuns(3);
    RunHistory history(m_folder);
    QVERIFY(history.open());
    const QByteArray before = bytesOf(m_folder + "/1.json");
    const MovedRuns removed = history.remove({"1.json", "2.json"});
    QVERIFY(!removed.problem);
    QCOMPARE(removed.files, (QStringList{"1.json", "2.json"}));
    QCOMPARE(QDir(m_folder + "/trash").entryList(QDir::Files).size(), 2);
    const auto without = history.open();
    QVERIFY(without);
    QCOMPARE(filesOf(*without), QStringList{"0.json"});
    const MovedRuns restored = history.restore(removed.trashed);
    QVERIFY(!restored.problem);
    QCOMPARE(restored.files, removed.files);
    QCOMPARE(bytesOf(m_folder + "/1.json"), before);
    const auto with = history.open();
    QVERIFY(with);
    QCOMPARE(with->entries.size(), 3u);
    const MovedRuns twice = history.restore(removed.trashed);
    QVERIFY(twice.problem && twice.files.isEmpty());
  }

  void nothingIsOverwrittenByTheTrash() {
    makeRuns(1);
    RunHistory history(m_folder);
    const MovedRuns first = history.remove({"0.json"});
    writeRun(m_folder, "0.json", sampleRun(50));
    const MovedRuns second = history.remove({"0.json"});
    writeRun(m_folder, "0.json", sampleRun(51));
    QVERIFY(first.trashed != second.trashed);
    const MovedRuns back = history.restore(first.trashed + second.trashed);
    QVERIFY(!back.problem);
    QCOMPARE(back.files, (QStringList{"0-2.json", "0-3.json"}));
    const auto opened = history.open();
    QVERIFY(opened);
    QCOMPARE(entryNamed(*opened, "0.json").name, "run 51");
    QCOMPARE(entryNamed(*opened, "0-2.json").name, "run 0");
    QCOMPARE(entryNamed(*opened, "0-3.json").name, "run 50");
  }

  void oldTrashIsEmptied() {
    makeRuns(1);
    const QString trash = m_folder + "/trash/";
    QDir().mkpath(trash);
    const auto name = [](int days, const char* file) {
      return QDateTime::currentDateTimeUtc().addDays(-days).toString("yyyyMMdd'T'HHmmsszzz'Z'") + '~' + file;
    };
    const QString old = name(40, "old.json"), recent = name(20, "recent.json");
    for (const QString& one : {old, recent, QString("someone's.json")}) writeBytes(trash + one, "{}");
    QVERIFY(RunHistory(m_folder).open());
    QVERIFY(!QFileInfo::exists(trash + old));
    QVERIFY(QFileInfo::exists(trash + recent));
    QVERIFY(QFileInfo::exists(trash + "someone's.json"));
  }

  void newNamesAreFree() {
    RunHistory history(m_folder);
    const auto a = history.newRunFile("../chat nf4 (2)"), b = history.newRunFile("../chat nf4 (2)");
    QVERIFY(a && b);
    QVERIFY(QFileInfo(m_folder).isDir());
    QVERIFY(*a != *b);
    QVERIFY2(QRegularExpression("^\\d{8}T\\d{6}Z-chat-nf4-2\\.json$").match(*a).hasMatch(), qPrintable(*a));
    QVERIFY(!QFileInfo::exists(history.pathOf(*a)));
    QVERIFY(!history.refresh(*a));
    writeRun(m_folder, *a, sampleRun(4));
    const auto entry = history.refresh(*a);
    QVERIFY(entry);
    QCOMPARE(entry->name, "run 4");
  }

  void runsFromElsewhereAreCopied() {
    makeRuns(1);
    RunHistory history(m_folder);
    const QString elsewhere = m_scratch->filePath("elsewhere");
    writeRun(elsewhere, "0.json", sampleRun(8));
    const auto added = history.add(elsewhere + "/0.json");
    QVERIFY(added);
    QCOMPARE(added->file, "0-2.json");
    QCOMPARE(added->name, "run 8");
    QCOMPARE(bytesOf(m_folder + "/0-2.json"), bytesOf(elsewhere + "/0.json"));
    const auto own = history.add(m_folder + "/0.json");
    QVERIFY(own);
    QCOMPARE(own->file, "0.json");
    writeBytes(elsewhere + "/no run.json", "{}");
    QVERIFY(!history.add(elsewhere + "/no run.json"));
    QVERIFY(!history.add(elsewhere + "/missing.json"));
    QCOMPARE(QDir(m_folder).entryList({"*.json"}).size(), 2);
  }
};

QTEST_GUILESS_MAIN(TestRunTrash)
#include "test_run_trash.moc"
