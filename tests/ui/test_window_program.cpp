// SPDX-License-Identifier: GPL-3.0-or-later
#include <QDir>
#include <QFile>
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

/// The real program: its command line, without a display.
class TestWindowProgram : public QObject {
  Q_OBJECT
 private slots:
  void answersWithoutADisplay_data();
  void answersWithoutADisplay();
  void writesAReport();
  void opensAndCloses();

 private:
  struct Answer {
    int status = -1;
    QString out, error;
  };
  static Answer run(const QStringList& arguments, const QProcessEnvironment& environment) {
    QProcess process;
    process.setProcessEnvironment(environment);
    process.start(DELTASCOPE_WINDOW, arguments);
    Answer answer;
    if (!process.waitForFinished(120000)) return answer;
    if (process.exitStatus() != QProcess::NormalExit) return answer;
    answer.status = process.exitCode();
    answer.out = QString::fromUtf8(process.readAllStandardOutput());
    answer.error = QString::fromUtf8(process.readAllStandardError());
    return answer;
  }
  static QProcessEnvironment noDisplay() {
    auto environment = QProcessEnvironment::systemEnvironment();
    for (const char* variable : {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}) environment.remove(variable);
    return environment;
  }
};

void TestWindowProgram::answersWithoutADisplay_data() {
  QTest::addColumn<QStringList>("arguments");
  QTest::addColumn<int>("status");
  QTest::addColumn<QString>("out");
  QTest::addColumn<QString>("error");
  QTest::newRow("help") << QStringList{"--help"} << 0 << "Usage: deltascope [OPTIONS] [PATH]"
                        << "";
  QTest::newRow("-h") << QStringList{"x", "-h"} << 0 << "Usage: deltascope [OPTIONS] [PATH]"
                      << "";
  QTest::newRow("version") << QStringList{"--version"} << 0 << "deltascope " DELTASCOPE_VERSION << "";
  QTest::newRow("no display")
      << QStringList{} << 3 << ""
      << "deltascope: there is no display. Set DISPLAY, or write a report: deltascope --report OUTDIR PATH";
  QTest::newRow("unknown option") << QStringList{"--nonsense"} << 2 << ""
                                  << "deltascope: no option is called '--nonsense'. Try: deltascope --help";
  QTest::newRow("two paths") << QStringList{"a", "b"} << 2 << ""
                             << "deltascope: one model at a time, 2 were given. Try: deltascope --help";
  QTest::newRow("report without a path")
      << QStringList{"--report", "out"} << 2 << ""
      << "deltascope: --report needs a model too: --report OUTDIR PATH. Try: deltascope --help";
  QTest::newRow("report without a folder") << QStringList{"--report"} << 2 << ""
                                           << "deltascope: --report needs a value. Try: deltascope --help";
  QTest::newRow("unknown benchmark") << QStringList{"--report", "out", "p", "--benchmark", "all"} << 2 << ""
                                     << "deltascope: --benchmark all is none of small-and-large, one-layer, whole-model, "
                                        "generation and none. Try: deltascope --help";
  QTest::newRow("none and another") << QStringList{"--report=o", "p", "--benchmark=none", "--benchmark=one-layer"} << 2 << ""
                                    << "deltascope: --benchmark none and --benchmark one-layer exclude each other. "
                                       "Try: deltascope --help";
  QTest::newRow("device") << QStringList{"--report", "out", "p", "--device", "gpu"} << 2 << ""
                          << "deltascope: --device gpu is not a device; cpu and cuda:N are. Try: deltascope --help";
  QTest::newRow("budget") << QStringList{"--report", "out", "p", "--memory-budget", "much"} << 2 << ""
                          << "deltascope: --memory-budget much is not a size such as 6GiB or 500MB. Try: deltascope --help";
  QTest::newRow("repetitions") << QStringList{"--report", "out", "p", "--repeat", "0"} << 2 << ""
                               << "deltascope: --repeat 0 is not a number from 1 to 100000. Try: deltascope --help";
  QTest::newRow("benchmark without a report") << QStringList{"--benchmark=none", "p"} << 2 << ""
                                              << "deltascope: --benchmark is for --report only. Try: deltascope --help";
  QTest::newRow("final without a report") << QStringList{"--final=x", "p"} << 2 << ""
                                          << "deltascope: --final is for --report only. Try: deltascope --help";
}

void TestWindowProgram::answersWithoutADisplay() {
  QFETCH(QStringList, arguments);
  QFETCH(int, status);
  QFETCH(QString, out);
  QFETCH(QString, error);
  const Answer answer = run(arguments, noDisplay());
  QCOMPARE(answer.status, status);
  QCOMPARE(answer.out.section('\n', 0, 0), out);
  QCOMPARE(answer.error.trimmed(), error);
}

void TestWindowProgram::writesAReport() {
  QTemporaryDir scratch;
  const QString out = scratch.filePath("report");
  const Answer refused = run({"--report", out, scratch.filePath("nothing")}, noDisplay());
  QCOMPARE(refused.status, 3);
  QVERIFY2(refused.error.contains("nothing"), qPrintable(refused.error));
  QVERIFY(!QFile::exists(out));
  const Answer answer = run({"--report", out, QString(DELTASCOPE_DEMO) + "/chat", "--benchmark", "small-and-large",
                             "--benchmark=generation", "--repeat", "2", "--device", "cpu", "--memory-budget", "64MiB"},
                            noDisplay());
  QVERIFY2(answer.status == 0, qPrintable(answer.error));
  QCOMPARE(answer.out.trimmed(), out + "/index.html");
  QVERIFY(QFile::exists(out + "/index.html"));
  QVERIFY(QFile::exists(out + "/tensors.csv"));
  QVERIFY(QFile::exists(out + "/benchmark-generation.csv"));

  // A run's record instead of a model, compared with itself.
  const QString record = out + "/benchmark-small-and-large.json", ofRun = scratch.filePath("run");
  QFile file(record);
  QVERIFY(file.open(QIODevice::ReadOnly));
  const QByteArray json = file.readAll();
  QVERIFY(json.contains("\"repeat\": \"2\"") && json.contains("\"budget_bytes\": 67108864"));
  const Answer second = run({"--report", ofRun, record, "--baseline", record}, noDisplay());
  QVERIFY2(second.status == 0, qPrintable(second.error));
  QFile copy(ofRun + "/run.json");
  QVERIFY(copy.open(QIODevice::ReadOnly));
  QCOMPARE(copy.readAll(), json);
  QVERIFY(QFile::exists(ofRun + "/differences.csv"));
  const Answer third =
      run({"--report", scratch.filePath("none"), QString(DELTASCOPE_DEMO) + "/chat", "--baseline", record}, noDisplay());
  QCOMPARE(third.status, 3);
  QVERIFY2(third.error.contains("--baseline is for the report of a run"), qPrintable(third.error));
}

void TestWindowProgram::opensAndCloses() {
  QTemporaryDir scratch;
  auto environment = noDisplay();
  environment.insert("QT_QPA_PLATFORM", "offscreen");
  environment.insert("XDG_CONFIG_HOME", scratch.path());
  environment.insert("XDG_CACHE_HOME", scratch.path());
  QProcess process;
  process.setProcessEnvironment(environment);
  process.start(DELTASCOPE_WINDOW, {QString(DELTASCOPE_DEMO) + "/chat"});
  QVERIFY(process.waitForStarted());
  QVERIFY(!process.waitForFinished(1500));  // it stays open
  process.terminate();
  QVERIFY(process.waitForFinished(10000));
  QCOMPARE(process.exitStatus(), QProcess::NormalExit);  // it closed by itself and remembered its session
  QVERIFY(QFile::exists(scratch.filePath("Deltascope/deltascope.ini")));
}

QTEST_GUILESS_MAIN(TestWindowProgram)
#include "test_window_program.moc"
