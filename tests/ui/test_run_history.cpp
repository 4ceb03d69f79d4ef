// SPDX-License-Identifier: GPL-3.0-or-later
#include <QSqlDatabase>
#include <QSqlQuery>
#include <QtTest>
#include <cmath>
#include <thread>

#include "core/bench/run_words.h"
#include "tests/ui/run_folder.h"
#include "ui/history/run_history.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

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

class TestRunHistory : public RunFolder {
  Q_OBJECT
 private slots:
  void init() { begin(); }

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
};

QTEST_GUILESS_MAIN(TestRunHistory)
#include "test_run_history.moc"
