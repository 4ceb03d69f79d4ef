// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Runs deltascope-cli as a user does.
#include <QProcess>
#include <QtTest>
#include <functional>
#include <nlohmann/json.hpp>

namespace deltascope::test {

struct CliRun {
  int status = -1;  ///< exit status; −1 when it crashed or did not end
  QByteArray out, err;

  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(out.constData(), nullptr, false); }
  [[nodiscard]] QStringList errorLines() const { return QString::fromUtf8(err).split('\n', Qt::SkipEmptyParts); }
};

/// How many times longer than usual a test waits for what must happen.
inline constexpr int kPatience = DELTASCOPE_TEST_PATIENCE;

/// `prepare` runs in the child before the program starts (limits).
inline CliRun runCli(const QStringList& arguments, const QString& folder = {}, const std::function<void()>& prepare = {},
                     const QProcessEnvironment& environment = QProcessEnvironment::systemEnvironment()) {
  QProcess process;
  process.setProcessEnvironment(environment);
  if (!folder.isEmpty()) process.setWorkingDirectory(folder);
  if (prepare) process.setChildProcessModifier(prepare);
  process.start(DELTASCOPE_CLI, arguments);
  CliRun run;
  if (!process.waitForFinished(kPatience * 120'000) || process.exitStatus() != QProcess::NormalExit) {
    qWarning("deltascope-cli did not end normally: %s", qPrintable(process.errorString()));
    process.kill();
    process.waitForFinished();
    run.err = process.readAllStandardError();
    return run;
  }
  run.status = process.exitCode();
  run.out = process.readAllStandardOutput();
  run.err = process.readAllStandardError();
  return run;
}

/// Fails with what the program said.
#define COMPARE_STATUS(run, expected) \
  QVERIFY2((run).status == (expected), qPrintable(QString("exit status %1: %2").arg((run).status).arg(QString((run).err))))

}  // namespace deltascope::test
