// SPDX-License-Identifier: GPL-3.0-or-later
#include <QSqlDatabase>
#include <QSqlQuery>
#include <QTemporaryDir>
#include <QtTest>
#include <cmath>
#include <thread>

#include "core/bench/run_words.h"
#include "tests/ui/sample_runs.h"
#include "ui/history/run_history.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

QStringList filesOf(const OpenedRuns& opened) {
  QStringList files;
  for (const RunEntry& entry : opened.entries) files << entry.file;
  return files;
}

const RunEntry& entryNamed(const OpenedRuns& opened, const QString& file) {
  for (const RunEntry& entry : opened.entries)
    if (entry.file == file) return entry;
  qFatal("there is no %s", qPrintable(file));
}

QByteArray bytesOf(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

void runSql(const QString& path, const QString& sql) {
  {
    QSqlDatabase database = QSqlDatabase::addDatabase("QSQLITE", "test");
    database.setDatabaseName(path);
    if (!database.open() || !QSqlQuery(database).exec(sql)) qFatal("%s failed", qPrintable(sql));
    database.close();
  }
  QSqlDatabase::removeDatabase("test");
}

}  // namespace

class TestRunHistory : public QObject {
  Q_OBJECT
 private slots:
  void init() {
    QTest::failOnWarning(QRegularExpression(".*"));
    m_scratch = std::make_unique<QTemporaryDir>();
    m_folder = m_scratch->filePath("runs");
  }

  void aFolderThatIsNotThereIsEmpty() {
    const auto opened = RunHistory(m_folder).open();
    QVERIFY(opened);
    QVERIFY(opened->entries.empty());
    QVERIFY(opened->remarks.isEmpty());
    QVERIFY(!QFileInfo::exists(m_folder));
  }

  void entriesSayWhatTheRunSays() {
    BenchmarkRun run = sampleRun(7);
    run.notes = "after the fix";
    run.rows[1].peakMemoryBytes = 20 << 20;
    const RunEntry e = entryOf("a.json", run);
    QCOMPARE(e.title(), "run 7");
    QCOMPARE(e.notes, "after the fix");
    QCOMPARE(e.created, "2026-11-01T00:07:00Z");
    QCOMPARE(e.state, "complete");
    QCOMPARE(e.model, "chat-nf4");
    QCOMPARE(e.device, "CPU · EPYC 7B13");
    QCOMPARE(e.settings, "32 tokens · all tensors · jit · 16.0 MiB · 2 threads · ×10");
    QCOMPARE(e.rows, 3u);
    QCOMPARE(*e.figures[RunFigureId::TokensPerSecond].value, 206.0);
    QCOMPARE(*e.figures[RunFigureId::Latency].value, 4.0);  // two tensors' medians; the generation's is none of a tensor
    QCOMPARE(*e.figures[RunFigureId::Resident].value, 1.0);
    QCOMPARE(*e.figures[RunFigureId::Rebuild].value, 2 * 131'072 / 0.2e-3 / 1e9);
    QCOMPARE(e.figures.count(RunFigureId::Peak), std::uint64_t{14 << 20});  // of the generation, which has the plan
    QCOMPARE(e.verdict, "✓ bit-exact");
    QCOMPARE(e.sentence, QString::fromStdString(runSentence(run)));
    QVERIFY(e.passed);
    run.rows.clear();
    run.name.clear();
    const RunEntry none = entryOf("a.json", run);
    QCOMPARE(none.title(), "a");
    for (const RunFigureId id : {RunFigureId::TokensPerSecond, RunFigureId::Latency, RunFigureId::Rebuild})
      QVERIFY(!none.figures[id].value);
    QVERIFY(!none.passed);
  }

  void theIndexSaysTheSameAsTheFiles() {
    makeRuns(3);
    BenchmarkRun empty = sampleRun(9);
    empty.rows.clear();
    writeRun(m_folder, "empty.json", empty);
    const auto first = RunHistory(m_folder).open(), second = RunHistory(m_folder).open();
    QVERIFY(first && second);
    QVERIFY(QFileInfo::exists(m_folder + "/index.sqlite"));
    QCOMPARE(filesOf(*first), (QStringList{"empty.json", "2.json", "1.json", "0.json"}));
    QCOMPARE(filesOf(*second), filesOf(*first));
    for (std::size_t i = 0; i < first->entries.size(); ++i) {
      const RunEntry &a = first->entries[i], &b = second->entries[i];
      for (const auto field : {&RunEntry::name, &RunEntry::notes, &RunEntry::created, &RunEntry::state, &RunEntry::model,
                               &RunEntry::modelFingerprint, &RunEntry::device, &RunEntry::settings, &RunEntry::problem,
                               &RunEntry::verdict, &RunEntry::sentence})
        QCOMPARE(b.*field, a.*field);
      QCOMPARE(b.figures.mode, a.figures.mode);
      QCOMPARE(b.figures.generationMode, a.figures.generationMode);
      for (const RunFigure& figure : runFigureTable()) {
        QCOMPARE(b.figures[figure.id].value, a.figures[figure.id].value);
        QCOMPARE(b.figures[figure.id].spread, a.figures[figure.id].spread);
      }
      QVERIFY(conditionsApart(a.conditions, b.conditions).empty() && a.conditions.size() == b.conditions.size());
      QCOMPARE(b.rows, a.rows);
      QCOMPARE(b.passed, a.passed);
    }
  }

  void changedNewAndRemovedFilesAreNoticed() {
    makeRuns(3);
    QVERIFY(RunHistory(m_folder).open());
    BenchmarkRun changed = sampleRun(1);
    changed.name = "another name";
    writeRun(m_folder, "1.json", changed);
    QFile::remove(m_folder + "/0.json");
    writeRun(m_folder, "3.json", sampleRun(3));
    for (int time = 0; time < 2; ++time) {
      const auto opened = RunHistory(m_folder).open();
      QVERIFY(opened);
      QCOMPARE(filesOf(*opened), (QStringList{"3.json", "2.json", "1.json"}));
      QCOMPARE(entryNamed(*opened, "1.json").name, "another name");
      QVERIFY(opened->remarks.isEmpty());
    }
  }

  void aKilledRunIsListed() {
    BenchmarkRun run = sampleRun(1);
    run.state = BenchmarkState::Running;
    writeRun(m_folder, "killed.json", run);
    writeBytes(m_folder + "/.killed.json.abcdefghij.part", "{\"format\":");  // what a kill while writing leaves
    const auto opened = RunHistory(m_folder).open();
    QVERIFY(opened);
    QCOMPARE(filesOf(*opened), QStringList{"killed.json"});
    QCOMPARE(opened->entries[0].state, "partial");
    QVERIFY(opened->entries[0].readable());
  }

  void unreadableFilesStayAsTheyAreAndAreListed() {
    makeRuns(1);
    QByteArray newer = QByteArray::fromStdString(toJsonText(sampleRun(5)));
    newer.replace("\"version\": 1,", "\"version\": 99,");
    writeBytes(m_folder + "/newer.json", newer);
    writeBytes(m_folder + "/cut.json", newer.left(300));
    for (int time = 0; time < 2; ++time) {
      RunHistory history(m_folder);
      const auto opened = history.open();
      QVERIFY(opened);
      QCOMPARE(opened->entries.size(), 3u);
      QVERIFY(entryNamed(*opened, "0.json").readable());
      QVERIFY2(entryNamed(*opened, "newer.json").problem.contains("version 99"),
               qPrintable(entryNamed(*opened, "newer.json").problem));
      QVERIFY(!entryNamed(*opened, "cut.json").readable());
      QCOMPARE(entryNamed(*opened, "cut.json").state, "unreadable");
      QCOMPARE(opened->remarks.size(), 1);
      QVERIFY2(opened->remarks[0].startsWith("2 files are not readable:\n"), qPrintable(opened->remarks[0]));
      QVERIFY(!history.rename("newer.json", "x"));
      QCOMPARE(bytesOf(m_folder + "/newer.json"), newer);
      QCOMPARE(bytesOf(m_folder + "/cut.json"), newer.left(300));
    }
  }

  void aBadIndexIsRebuilt_data() {
    QTest::addColumn<QString>("what");
    QTest::addColumn<QString>("remark");
    QTest::newRow("missing") << "missing"
                             << "";
    for (const char* what : {"garbage", "garbage inside", "cut", "empty", "of another program"})
      QTest::newRow(what) << what << "The history's index was damaged and has been rebuilt from 40 run files";
    QTest::newRow("another schema") << "another schema"
                                    << "The history's index was of another version and has been rebuilt from 40 run files";
  }
  void aBadIndexIsRebuilt() {
    QFETCH(QString, what);
    QFETCH(QString, remark);
    makeRuns(40);
    QVERIFY(RunHistory(m_folder).open());
    const QString index = m_folder + "/index.sqlite";
    const QByteArray good = bytesOf(index);
    QVERIFY(good.size() > 8192);
    if (what == "missing") QFile::remove(index);
    if (what == "garbage") writeBytes(index, QByteArray(10'000, 'x'));
    if (what == "garbage inside") writeBytes(index, good.left(4096) + QByteArray(good.size() - 4096, '\x5a'));
    if (what == "cut") writeBytes(index, good.left(good.size() / 2));
    if (what == "empty") writeBytes(index, {});
    if (what == "another schema") runSql(index, "PRAGMA user_version = 99");
    if (what == "of another program") {
      QFile::remove(index);
      runSql(index, "CREATE TABLE run (other TEXT)");
    }
    const auto opened = RunHistory(m_folder).open();
    QVERIFY(opened);
    QCOMPARE(opened->entries.size(), 40u);
    QCOMPARE(opened->remarks, remark.isEmpty() ? QStringList() : QStringList{remark});
    const auto again = RunHistory(m_folder).open();
    QVERIFY(again && again->remarks.isEmpty());
    QCOMPARE(filesOf(*again), filesOf(*opened));
    QCOMPARE(again->entries[0].name, "run 39");
  }

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

  void aFileWhereTheFolderShouldBeIsSaid() {
    writeBytes(m_folder, "a file");
    RunHistory history(m_folder);
    const auto opened = history.open();
    QVERIFY(!opened);
    QVERIFY(QString::fromStdString(opened.error().message).contains("is no folder"));
    QVERIFY(!history.newRunFile("x"));
    writeRun(m_scratch->filePath("elsewhere"), "a.json", sampleRun(1));
    QVERIFY(!history.add(m_scratch->filePath("elsewhere/a.json")));
    QCOMPARE(bytesOf(m_folder), "a file");
  }

  void aReadOnlyFolderIsListedAndNothingIsLost() {
    makeRuns(2);
    QVERIFY(QFile::setPermissions(m_folder, QFile::ReadOwner | QFile::ExeOwner));
    const auto restore =
        qScopeGuard([this] { QFile::setPermissions(m_folder, QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner); });
    if (QFile probe(m_folder + "/probe"); probe.open(QIODevice::WriteOnly)) {
      probe.remove();
      QSKIP("this user may write to read-only folders");
    }
    const QByteArray before = bytesOf(m_folder + "/1.json");
    RunHistory history(m_folder);
    const auto opened = history.open();
    QVERIFY(opened);
    QCOMPARE(opened->entries.size(), 2u);
    QCOMPARE(opened->remarks.size(), 1);
    QVERIFY(opened->remarks[0].startsWith("The history has no index"));
    const auto renamed = history.rename("1.json", "x");
    QVERIFY(!renamed && !renamed.error().hint.empty());
    QVERIFY(history.remove({"1.json"}).problem);
    QCOMPARE(bytesOf(m_folder + "/1.json"), before);
  }

  void anIndexThatCannotBeMadeIsSaid_data() {
    QTest::addColumn<bool>("driver");
    QTest::newRow("no driver") << false;
    QTest::newRow("a folder in its place") << true;
  }
  void anIndexThatCannotBeMadeIsSaid() {
    QFETCH(bool, driver);
    makeRuns(2);
    if (driver) QVERIFY(QDir().mkpath(m_folder + "/index.sqlite/x"));
    RunHistory history(m_folder, driver ? "QSQLITE" : "QNONE");
    for (int time = 0; time < 2; ++time) {
      const auto opened = history.open();
      QVERIFY(opened);
      QCOMPARE(opened->entries.size(), 2u);
      QVERIFY(!opened->remarks.isEmpty());
      QVERIFY2(opened->remarks[0].startsWith("The history has no index"), qPrintable(opened->remarks[0]));
    }
    QVERIFY(history.rename("1.json", "still works"));
    QVERIFY(!history.remove({"0.json"}).problem);
    const auto opened = history.open();
    QVERIFY(opened);
    QCOMPARE(opened->entries.size(), 1u);
    QCOMPARE(opened->entries[0].name, "still works");
  }

  void aRebuildCanBeStoppedAndGoesOn() {
    makeRuns(200);
    RunHistory history(m_folder);
    std::stop_source stop;
    JobContext job;
    job.stop = stop.get_token();
    job.threads = 2;
    stop.request_stop();
    const auto stopped = history.open(job);
    QVERIFY(!stopped);
    QCOMPARE(stopped.error().code, ErrorCode::Cancelled);
    std::uint64_t done = 0, total = 0;
    JobContext watched;
    watched.progress = [&](const Progress& progress) {
      done = progress.tensorsDone;
      total = progress.tensorsTotal;
    };
    const auto opened = history.open(watched);
    QVERIFY(opened);
    QCOMPARE(opened->entries.size(), 200u);
    QCOMPARE(done, 200u);
    QCOMPARE(total, 200u);
  }

  void openedInAWorkerAndUsedHere() {
    makeRuns(2);
    RunHistory history(m_folder);
    std::thread([&history] { QVERIFY(history.open()); }).join();
    QVERIFY(history.rename("0.json", "from here"));
    const auto opened = history.open();
    QVERIFY(opened);
    QCOMPARE(entryNamed(*opened, "0.json").name, "from here");
    QCOMPARE(QSqlDatabase::connectionNames(), QStringList());
  }

  void withoutAFolderRunsAreInMemory() {
    RunHistory history;
    QVERIFY(history.inMemory());
    QVERIFY(!history.newRunFile("x"));
    QVERIFY(!history.refresh("no such") && !history.read("no such") && !history.rename("no such", "x"));
    QVERIFY(history.remove({"no such"}).problem && history.restore({"no such"}).problem);
    QVERIFY(!QFileInfo::exists("/index.sqlite"));
    const QString file = history.keep(sampleRun(3)).file;
    QVERIFY(history.rename(file, "kept"));
    const auto run = history.read(file);
    QVERIFY(run);
    QCOMPARE(run->name, "kept");
    const MovedRuns removed = history.remove({file});
    QVERIFY(!removed.problem);
    QVERIFY(history.open()->entries.empty());
    QCOMPARE(history.restore(removed.trashed).files, QStringList{file});
    const auto opened = history.open();
    QVERIFY(opened);
    QCOMPARE(opened->entries.size(), 1u);
  }

 private:
  void makeRuns(int count) const {
    for (int i = 0; i < count; ++i) writeRun(m_folder, QString("%1.json").arg(i), sampleRun(i));
  }
  std::unique_ptr<QTemporaryDir> m_scratch;
  QString m_folder;
};

QTEST_GUILESS_MAIN(TestRunHistory)
#include "test_run_history.moc"
