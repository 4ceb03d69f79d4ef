// SPDX-License-Identifier: GPL-3.0-or-later
/// How long two runs of 1,000 tensors in three modes take to compare, and to be shown. `bench_compare [TENSORS]`.
#include <QApplication>
#include <QTemporaryDir>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "tests/ui/sample_runs.h"
#include "ui/compare/comparison_view.h"
#include "ui/frame/dialogs.h"
#include "ui/frame/settings.h"
#include "ui/jobs/job_runner.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

NamedRun made(const QString& name, int tensors, double scale) {
  NamedRun named{name, {}};
  named.run.name = name.toStdString();
  named.run.state = BenchmarkState::Complete;
  for (int i = 0; i < tensors; ++i)
    for (const char* mode : {"static", "jit", "stream"})
      named.run.rows.push_back(
          sampleRow("model.layers." + std::to_string(i) + ".weight", mode, scale * (1 + 0.001 * (i % 97))));
  return named;
}

template <class Work>
double milliseconds(Work work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  if (!qEnvironmentVariableIsSet("DISPLAY")) qputenv("QT_QPA_PLATFORM", "offscreen");
  const QApplication application(argc, argv);
  const int tensors = argc > 1 ? std::atoi(argv[1]) : 1000;
  const QTemporaryDir scratch;
  Settings settings(scratch.filePath("settings.ini"));
  RealDialogs dialogs;
  JobRunner jobs;
  const std::vector<NamedRun> runs{made("before", tensors, 1), made("after", tensors, 1.3)};
  ComparisonView view(PageServices{.engine = nullptr, .jobs = &jobs, .settings = &settings, .dialogs = &dialogs});
  view.resize(1366, 500);
  view.show();
  QCoreApplication::processEvents();
  std::printf("2 runs of %d tensors in 3 modes\n", tensors);
  for (int i = 0; i < 5; ++i) {
    const double compared = milliseconds([&] { (void)compareAll(runs, 0.05); });
    const double shown = milliseconds([&] {
      view.showRuns(runs);
      QCoreApplication::processEvents();
    });
    std::printf("  compare %6.1f ms, compare and show %6.1f ms\n", compared, shown);
  }
  return 0;
}
