// SPDX-License-Identifier: GPL-3.0-or-later
/// How long the window makes its user wait: `bench_window`. A payload of 1,000 tensors from the request to the painted table,
/// and the longest gap of the event loop while the demo model is packed and the table is browsed.
#include <QApplication>
#include <QElapsedTimer>
#include <QLineEdit>
#include <QTemporaryDir>
#include <QTimer>
#include <QTreeView>
#include <algorithm>
#include <cstdio>

#include "tests/ui/generated_model.h"
#include "ui/frame/dialogs.h"
#include "ui/frame/main_window.h"
#include "ui/frame/model_session.h"
#include "ui/frame/settings.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

struct Bench {
  Bench() : settings(scratch.filePath("settings.ini")) {
    services.engine = realEngine();
    services.engine.inspect = [](const std::filesystem::path& path, const std::filesystem::path& base) -> Result<Inspection> {
      if (path.filename() != "generated") return inspect(path, base);
      return *generatedModel(111);
    };
    services.settings = &settings;
    services.dialogs = &dialogs;
    services.look = systemLook();
    services.demo = {.source = DELTASCOPE_DEMO, .packed = scratch.filePath("demo/chat-nf4")};
  }
  QTemporaryDir scratch;
  Settings settings;
  RealDialogs dialogs;
  WindowServices services;
};

double openMilliseconds(MainWindow& window, const QString& path) {
  QElapsedTimer timer;
  timer.start();
  window.openPath(path);
  while (!window.session().model()) QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
  QCoreApplication::processEvents();
  (void)window.grab();
  return double(timer.nsecsElapsed()) / 1e6;
}

/// Packs the demo while it turns pages, filters and scrolls, a step every 50 ms.
double longestGapWhilePacking(MainWindow& window) {
  auto* filter = window.findChild<QLineEdit*>("filter");
  auto* table = window.findChild<QTreeView*>();
  if (!filter || !table) return -1;
  window.findChild<QAction*>("actionDemo")->trigger();
  QElapsedTimer gap;
  double longest = 0;
  int step = 0;
  QTimer beat, browse;
  QObject::connect(&beat, &QTimer::timeout,
                   [&] { longest = std::max(longest, double(gap.nsecsElapsed()) / 1e6), gap.restart(); });
  QObject::connect(&browse, &QTimer::timeout, [&] {
    ++step;
    window.showPage(step % 7 == 3 ? "pack" : "payload");
    filter->setText(step % 4 < 2 ? "proj" : QString());
    table->scrollTo(table->model()->index(step % std::max(1, table->model()->rowCount()), 0));
  });
  gap.start();
  beat.start(1);
  browse.start(50);
  while (window.jobs().unfinished() > 0) QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
  return longest;
}

}  // namespace

int main(int argc, char** argv) {
  if (!qEnvironmentVariableIsSet("DISPLAY")) qputenv("QT_QPA_PLATFORM", "offscreen");
  const QApplication application(argc, argv);
  Bench bench;
  MainWindow window(bench.services);
  window.show();
  QCoreApplication::processEvents();
  const QString generated = bench.scratch.filePath("generated");
  (void)QDir().mkpath(generated);
  for (int run = 0; run < 3; ++run) {
    const double opening = openMilliseconds(window, generated);
    std::printf("open and paint %zu tensors: %.0f ms\n", window.session().model()->tensors.size(), opening);
    if (run < 2) window.session().close();
  }
  const double gap = longestGapWhilePacking(window);
  if (gap < 0) return std::fputs("the payload page has no filter or no table\n", stderr), 1;
  std::printf("longest gap of the event loop while packing the demo and browsing: %.0f ms\n", gap);
  return 0;
}
