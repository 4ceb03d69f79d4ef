// SPDX-License-Identifier: GPL-3.0-or-later
/// How long the history of 10,000 runs takes to open: the first time, when its index is made from the files, and after that.
/// `bench_history [RUNS]`.
#include <QCoreApplication>
#include <QTemporaryDir>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "tests/ui/sample_runs.h"
#include "ui/history/run_history.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

template <class Work>
double milliseconds(Work work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

void open(const QString& folder, const char* what, int runs) {
  std::size_t entries = 0;
  const double took = milliseconds([&] {
    if (const auto opened = RunHistory(folder).open()) entries = opened->entries.size();
  });
  std::printf("  %-32s %8.1f ms\n", what, took);
  if (entries != static_cast<std::size_t>(runs)) std::printf("  but only %zu runs were listed\n", entries);
}

}  // namespace

int main(int argc, char** argv) {
  const QCoreApplication application(argc, argv);
  const int runs = argc > 1 ? std::atoi(argv[1]) : 10'000;
  const QTemporaryDir scratch;
  const QString folder = scratch.filePath("runs");
  for (int i = 0; i < runs; ++i) writeRun(folder, QString("%1.json").arg(i), sampleRun(i, 1 + 0.001 * (i % 100)));
  std::printf("%d runs of %lld bytes\n", runs, static_cast<long long>(QFileInfo(folder + "/0.json").size()));
  open(folder, "open, index made from the files", runs);
  for (int i = 0; i < 3; ++i) open(folder, "open, index fresh", runs);
  RunHistory history(folder);
  std::printf("  %-32s %8.1f ms\n", "rename", milliseconds([&] { (void)history.rename("0.json", "renamed"); }));
  for (int i = 0; i < 100; ++i) writeRun(folder, QString("%1.json").arg(i), sampleRun(i, 2));
  open(folder, "open, 100 files changed", runs);
  return 0;
}
