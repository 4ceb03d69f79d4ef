// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <QElapsedTimer>
#include <QTemporaryDir>
#include <limits>

#include "tests/app/run_cli.h"
#include "tests/core/models/small_model.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

struct Cancelled {
  int status = -1;
  qint64 milliseconds = 0;  ///< from the signal to the end
  QByteArray err;
};

/// Starts the program, waits until it reports work under way, sends the signal.
Cancelled cancelWhileRunning(const QStringList& arguments, const QString& folder, const QByteArray& phase, int signal) {
  QProcess process;
  process.setWorkingDirectory(folder);
  process.setReadChannel(QProcess::StandardError);
  process.start(DELTASCOPE_CLI, arguments);
  Cancelled result;
  while (!result.err.contains(phase)) {
    if (!process.waitForReadyRead(kPatience * 60'000)) break;
    result.err += process.readAllStandardError();
  }
  QTest::qSleep(30);
  QElapsedTimer clock;
  clock.start();
  if (const auto id = process.processId(); id > 0)
    ::kill(static_cast<pid_t>(id), signal);  // 0, of one that ended, is this group
  process.waitForFinished(60'000);
  result.milliseconds = clock.elapsed();
  result.status = process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1;
  result.err += process.readAllStandardError();
  return result;
}

}  // namespace

/// Interrupting each job that writes: status 130, soon, and nothing left behind.
class TestCliCancel : public QObject {
  Q_OBJECT
  QTemporaryDir m_folder;

 private slots:
  void initTestCase() {
    COMPARE_STATUS(runCli({"synth", "--arch", "smollm2-135m", "--layers", "8", "--out", "model", "--quiet"}, m_folder.path()),
                   0);
    COMPARE_STATUS(
        runCli({"pack", "--final", "model", "--quantize", "nf4", "--codec", "zstd", "--zstd-level", "1", "--out", "packed"},
               m_folder.path()),
        0);
  }

  void jobsStopWithin200Milliseconds_data() {
    QTest::addColumn<QString>("arguments");
    QTest::addColumn<QByteArray>("phase");
    QTest::addColumn<int>("signal");
    const auto row = [](const char* arguments, const char* phase, int signal) {
      QTest::addRow("%s %s", arguments, signal == SIGINT ? "SIGINT" : "SIGTERM") << arguments << QByteArray(phase) << signal;
    };
    const char* pack = "pack --final model --quantize nf4 --codec zstd --zstd-level 19 --out new";
    row(pack, "packing", SIGINT);
    row(pack, "packing", SIGTERM);
    row("pack --final model --quantize nf4 --double-quant --scope all --out new", "packing", SIGINT);
    row("pack --base packed --final model --codec zstd --zstd-level 19 --out new.delta.safetensors", "packing", SIGINT);
    row("verify packed --threads 1", "verifying", SIGINT);
    row("unpack packed --out new --threads 1", "unpacking", SIGINT);
    row("unpack packed --out new.safetensors --threads 1", "unpacking", SIGTERM);
    row("synth --arch llama-3.1-8b --layers 1 --out new", "writing", SIGINT);
  }
  /// The scheduler of a busy machine only ever adds to the time, so the best of a few attempts is the program's own.
  void jobsStopWithin200Milliseconds() {
    QFETCH(QString, arguments);
    QFETCH(QByteArray, phase);
    QFETCH(int, signal);
    const auto before = filesIn(m_folder.path().toStdString());
    qint64 best = std::numeric_limits<qint64>::max();
    for (int attempt = 0; attempt < 5 && best > 200; ++attempt) {
      const auto run = cancelWhileRunning(arguments.split(' '), m_folder.path(), phase, signal);
      QVERIFY2(run.status == 130, run.err);
      QVERIFY2(run.err.endsWith("deltascope-cli: cancelled\n"), run.err);
      QVERIFY(filesIn(m_folder.path().toStdString()) == before);
      best = std::min(best, run.milliseconds);
    }
    QVERIFY2(best <= 200, qPrintable(QString::number(best) + " ms"));
  }
};

QTEST_GUILESS_MAIN(TestCliCancel)
#include "test_cli_cancel.moc"
