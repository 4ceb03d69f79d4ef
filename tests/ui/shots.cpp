// SPDX-License-Identifier: GPL-3.0-or-later
/// Renders every page of the real window, light and dark, at two sizes: `deltascope_shots OUTDIR [PATH]`. For looking at, not a
/// test.
#include <QAbstractButton>
#include <QApplication>
#include <QDialog>
#include <QDir>
#include <QElapsedTimer>
#include <QTemporaryDir>
#include <cstdio>

#include "ui/frame/dialogs.h"
#include "ui/frame/main_window.h"
#include "ui/frame/model_session.h"
#include "ui/frame/settings.h"
#include "ui/pack/pack_page.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

void spin(int ms) {
  QElapsedTimer timer;
  timer.start();
  while (timer.elapsed() < ms) QCoreApplication::processEvents(QEventLoop::AllEvents, 20);
}

void shoot(MainWindow& window, const QDir& folder, const QString& name) {
  spin(250);
  window.grab().save(folder.filePath(name + ".png"));
}

}  // namespace

int main(int argc, char** argv) {
  if (!qEnvironmentVariableIsSet("DISPLAY")) qputenv("QT_QPA_PLATFORM", "offscreen");
  QApplication application(argc, argv);
  if (argc < 2) {
    std::fputs("usage: deltascope_shots OUTDIR [PATH]\n", stderr);
    return 2;
  }
  const QDir folder(argv[1]);
  folder.mkpath(".");
  QTemporaryDir scratch;
  Settings settings(scratch.filePath("settings.ini"));
  settings.set(setting::kRecent, {QString(DELTASCOPE_DEMO) + "/chat", "/data/models/llama-3.1-8b-nf4", scratch.path()});
  RealDialogs dialogs;
  WindowServices services;
  services.engine = realEngine();
  services.settings = &settings;
  services.dialogs = &dialogs;
  services.look = systemLook();
  services.demo = {.source = DELTASCOPE_DEMO, .packed = scratch.filePath("demo/chat-nf4")};
  for (const char* theme : {"light", "dark"}) {
    settings.set(setting::kTheme, QString(theme));
    for (const QSize size : {QSize(1366, 768), QSize(1024, 640)}) {
      MainWindow window(services);
      window.resize(size);
      window.show();
      const QString suffix = QString("-%1-%2").arg(theme).arg(size.width());
      shoot(window, folder, "1-start" + suffix);
      window.showPage("pack");
      window.findChild<PackPage*>()->packFinal(QString(DELTASCOPE_DEMO) + "/chat");
      spin(3000);
      shoot(window, folder, "3-pack" + suffix);
      window.showPage("payload");
      shoot(window, folder, "2-payload-empty" + suffix);
      if (argc > 2) {
        window.openPath(QString::fromLocal8Bit(argv[2]));
        spin(800);
        shoot(window, folder, "2-payload" + suffix);
        window.session().verify();
        window.findChild<QAction*>("actionJobs")->trigger();
        spin(1500);
        shoot(window, folder, "4-verified" + suffix);
        window.findChild<QAction*>("actionJobs")->trigger();
      }
      window.showPage("pack");
      PackForm form;
      form.mode = PackMode::Adapters;
      form.base = QString(DELTASCOPE_DEMO) + "/chat";
      form.adapters = {QString(DELTASCOPE_DEMO) + "/lora-pirate", "/data/adapters/missing"};
      window.findChild<PackPage*>()->setForm(form);
      shoot(window, folder, "5-adapters" + suffix);
      window.openPath(scratch.filePath("no/such/model"));
      window.findChild<QAction*>("actionZoomIn")->trigger();
      window.findChild<QAction*>("actionZoomIn")->trigger();
      window.findChild<QAction*>("actionZoomIn")->trigger();
      spin(300);
      if (auto* details = window.findChild<QAbstractButton*>("messageDetailsButton")) details->click();
      shoot(window, folder, "6-zoomed-error" + suffix);
      window.findChild<QAction*>("actionZoomReset")->trigger();
      window.findChild<QAction*>("actionShortcuts")->trigger();
      spin(300);
      window.findChild<QDialog*>("shortcutSheet")->grab().save(folder.filePath("7-shortcuts" + suffix + ".png"));
    }
  }
  return 0;
}
