// SPDX-License-Identifier: GPL-3.0-or-later
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

#include "core/bench/record.h"
#include "core/pack/pack.h"
#include "tests/ui/warnings.h"
#include "ui/report/run_command.h"

using namespace deltascope;
using namespace deltascope::ui;

class TestRunCommand : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() {
    QLocale::setDefault(QLocale::c());
    m_packed = m_scratch.filePath("the demo's model").toStdString();
    PackRequest request;
    request.final = DELTASCOPE_DEMO "/chat";
    request.quantize = QuantFormat::Nf4;
    request.scope = PackScope::All;
    request.out = m_packed;
    QVERIFY(pack(request, {}));
  }
  void init() { failOnAnyWarning(); }

  void theCommandMakesTheSameRunAgain_data() {
    QTest::addColumn<BenchmarkRequest>("request");
    QTest::addColumn<QString>("part");
    const auto add = [](const char* name, const char* part, auto change) {
      BenchmarkRequest request;
      request.repeat = 1;
      request.warmup = 0;
      request.seed = 7;
      change(request);
      QTest::newRow(name) << request << part;
    };
    add("preset", " --preset small-and-large ", [](auto& r) { applyPreset(r, BenchmarkPreset::SmallAndLarge); });
    add("glob", " --tensors 'model.layers.[01].self_attn.?_proj.weight' ", [](auto& r) {
      r.tensors = "model.layers.[01].self_attn.?_proj.weight";
      r.modes = {Placement::Jit, Placement::Stream};
      r.baselines = false;
      r.batch = 3;
      r.warmup = 1;
    });
    add("budget and threads", " --memory-budget 12MiB ", [](auto& r) {
      r.tensors = "model.embed_tokens.weight";
      r.modes = {Placement::Jit};
      r.baselines = false;
      r.model.memoryBudget = 12 << 20;
      r.model.threads = 1;
    });
    add("generation", " --preset generation ", [](auto& r) {
      applyPreset(r, BenchmarkPreset::Generation);
      r.baselines = false;
    });
    add("a prompt", " --generate 4 --ids 5,6,7 ", [](auto& r) {
      r.generate = 4;
      r.prompt = {5, 6, 7};
      r.modes = {Placement::Static, Placement::Jit};
      r.baselines = false;
    });
    add("both", " --preset small-and-large --generate 3 ", [](auto& r) {
      applyPreset(r, BenchmarkPreset::SmallAndLarge);
      r.generate = 3;
      r.baselines = false;
    });
    add("base only", " --base-only ", [](auto& r) {
      r.tensors = "model.norm.weight";
      r.model.baseOnly = true;
      r.baselines = false;
    });
  }

  /// Through a shell and the program itself.
  void theCommandMakesTheSameRunAgain() {
    QFETCH(BenchmarkRequest, request);
    QFETCH(QString, part);
    request.model.path = m_packed;
    const auto first = benchmark(request, {});
    QVERIFY2(first, first ? "" : describe(first.error()).c_str());
    QString command = benchmarkCommand(*first);
    QVERIFY2(command.contains(part), qPrintable(command));
    QVERIFY(command.startsWith("deltascope-cli bench '"));
    QProcess shell;
    shell.start("/bin/sh", {"-c", shellWord(QString(DELTASCOPE_CLI)) + command.mid(14) + " --json --quiet"});
    QVERIFY(shell.waitForFinished(60'000));
    QVERIFY2(shell.exitCode() == 0, shell.readAllStandardError());
    const auto again = parseRun(shell.readAllStandardOutput().toStdString(), "output");
    QVERIFY(again);
    QVERIFY(again->settings == first->settings);
    QCOMPARE(again->path, first->path);
    QCOMPARE(again->seed, first->seed);
    QCOMPARE(again->budget, first->budget);
    QCOMPARE(again->baseOnly, first->baseOnly);
    QCOMPARE(again->rows.size(), first->rows.size());
    for (std::size_t i = 0; i < first->rows.size(); ++i) {
      QCOMPARE(again->rows[i].mode, first->rows[i].mode);
      QCOMPARE(again->rows[i].outputHash, first->rows[i].outputHash);
    }
    QCOMPARE(benchmarkCommand(*again), command);
  }

 private:
  QTemporaryDir m_scratch;
  std::filesystem::path m_packed;
};

QTEST_MAIN(TestRunCommand)
#include "test_run_command.moc"
