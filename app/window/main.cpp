// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>
#include <QDir>
#include <QStandardPaths>
#include <cstdio>
#include <cstdlib>

#include "app/cli/interrupt.h"
#include "app/window/arguments.h"
#include "app/window/report.h"
#include "ui/frame/dialogs.h"
#include "ui/frame/main_window.h"
#include "ui/frame/model_session.h"
#include "ui/frame/settings.h"
#include "ui/start/demo.h"

namespace deltascope::window {
namespace {

bool hasDisplay(const std::vector<std::string>& words) {
  for (const char* variable : {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"})
    if (const char* value = std::getenv(variable); value && *value) return true;
  for (const std::string& word : words)
    if (word.starts_with("-platform") || word.starts_with("--platform") || word.starts_with("-display")) return true;
  return false;
}

int runWindow(QApplication& application, const Arguments& arguments) {
  ui::Settings settings;
  ui::RealDialogs dialogs;
  ui::WindowServices services;
  services.engine = ui::realEngine();
  services.settings = &settings;
  services.dialogs = &dialogs;
  services.look = ui::systemLook();
  services.demo.source = ui::findDemo(QApplication::applicationDirPath());
  services.demo.packed = ui::packedDemo(QStandardPaths::writableLocation(QStandardPaths::CacheLocation));
  services.dataFolder = QStandardPaths::writableLocation(QStandardPaths::AppDataLocation);
  ui::MainWindow window(services);
  window.show();
  if (!arguments.path.empty()) window.openPath(QString::fromStdString(arguments.path), QString::fromStdString(arguments.base));
  const cli::Interrupt interrupt;
  const std::stop_callback quit(interrupt.token(), [&window] {
    QMetaObject::invokeMethod(
        &window, [&window] { window.quitNow(); }, Qt::QueuedConnection);
  });
  return application.exec();
}

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const Arguments arguments = parseArguments(words);
  if (!arguments.problem.empty()) {
    std::fprintf(stderr, "deltascope: %s. Try: deltascope --help\n", arguments.problem.c_str());
    return 2;
  }
  if (arguments.task == Arguments::Task::Help) return std::fputs(helpText(), stdout) < 0 ? 3 : 0;
  if (arguments.task == Arguments::Task::Version) return std::puts("deltascope " DELTASCOPE_VERSION) < 0 ? 3 : 0;
  if (arguments.task == Arguments::Task::Report) {
    qputenv("QT_QPA_PLATFORM", "offscreen");
  } else if (!hasDisplay(words)) {
    std::fputs("deltascope: there is no display. Set DISPLAY, or write a report: deltascope --report OUTDIR PATH\n", stderr);
    return 3;
  }
  QApplication::setApplicationName("deltascope");
  QApplication::setApplicationVersion(DELTASCOPE_VERSION);
  QApplication::setDesktopFileName("org.deltascope.Deltascope");
  QApplication application(argc, argv);
  if (arguments.task == Arguments::Task::Report) return runReport(arguments);
  return runWindow(application, arguments);
}

}  // namespace
}  // namespace deltascope::window

int main(int argc, char** argv) { return deltascope::window::main(argc, argv); }
