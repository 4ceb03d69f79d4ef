// SPDX-License-Identifier: GPL-3.0-or-later
/// Renders every page of the real window, light and dark, at two sizes: `deltascope_shots OUTDIR [PATH]`. For looking at, not a
/// test.
#include <QAbstractButton>
#include <QApplication>
#include <QDialog>
#include <QDir>
#include <QElapsedTimer>
#include <QLineEdit>
#include <QTabWidget>
#include <QTemporaryDir>
#include <cstdio>

#include "tests/ui/fake_chat.h"
#include "ui/benchmark/benchmark_page.h"
#include "ui/chat/chat_page.h"
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

void say(MainWindow& window, const QString& text) { window.findChild<ChatPage*>()->send(text); }

void finish(const MainWindow& window) {
  while (window.findChild<ChatPage*>()->answering()) spin(20);
}

/// The chat page in its states, over a model that says what the pictures need.
void shootChat(WindowServices services, const QDir& folder, const QString& suffix, const QSize& size) {
  FakeChat chat;
  chat.loadGate.open = true;
  chat.says = [](const LoadRequest& request, const ChatTurn& turn) {
    if (turn.messages.back()["content"] == "Show me some code.")
      return spoken(
          "Gladly. A **block** of four bits is read like this:\n\n```python\nfor i, code in enumerate(block):\n    out[i] = "
          "table[code] * absmax\n```\n\n1. read the code\n2. look it up\n3. scale it with `absmax`");
    return spoken(request.baseOnly ? "NF4 is a four-bit number whose steps are all the same, so that it covers a range evenly."
                                   : "NF4 is a four-bit data type whose sixteen levels are the quantiles of a normal "
                                     "distribution, so that each is used about equally often by trained weights.");
  };
  chat.install(services.engine);
  services.engine.inspect = [](const std::filesystem::path& path, const std::filesystem::path& base) {
    auto model = inspect(std::string(DELTASCOPE_DEMO) + "/chat", base);
    model->files.path = path;
    model->files.kind = ModelFiles::Kind::PackedModel;
    for (TensorStats& tensor : model->tensors) tensor.base = BaseKind::Nf4;
    return model;
  };
  QTemporaryDir data;
  QDir(data.path()).mkpath("chat-nf4");
  services.dataFolder = data.path();
  MainWindow window(services);
  window.resize(size);
  window.show();
  spin(100);  // the last page comes back first
  window.showPage("chat");
  shoot(window, folder, "8-chat-empty" + suffix);
  window.openPath(data.filePath("chat-nf4"));
  spin(600);
  shoot(window, folder, "8-chat-ready" + suffix);
  auto* page = window.findChild<ChatPage*>();
  say(window, "What is <b>NF4</b>?");
  finish(window);
  say(window, "Show me some code.");
  finish(window);
  shoot(window, folder, "8-chat-finished" + suffix);
  window.findChild<QAction*>("actionChatPanel")->trigger();
  shoot(window, folder, "8-chat-settings" + suffix);
  window.findChild<QTabWidget*>("chatPanel")->setCurrentIndex(1);
  window.findChild<QLineEdit*>("chatBudget")->setText("1 MiB");
  spin(700);
  shoot(window, folder, "8-chat-refused" + suffix);
  window.findChild<QLineEdit*>("chatBudget")->setText("16 MiB");
  window.findChild<QAction*>("actionChatPlan")->trigger();
  spin(700);
  shoot(window, folder, "8-chat-plan" + suffix);
  window.findChild<QAction*>("actionChatPanel")->trigger();
  chat.pauseAfter = 9;
  say(window, "And in one sentence?");
  spin(300);
  shoot(window, folder, "8-chat-streaming" + suffix);
  chat.answerGate.open = true;
  finish(window);
  page->setCompare(VariantKind::Base);
  window.findChild<QAction*>("actionChatNew")->trigger();
  say(window, "What is NF4?");
  finish(window);
  shoot(window, folder, "8-chat-compare" + suffix);
  window.findChild<QAction*>("actionZoomIn")->trigger();
  for (int i = 0; i < 4; ++i) window.findChild<QAction*>("actionZoomIn")->trigger();
  shoot(window, folder, "8-chat-compare-zoomed" + suffix);
  window.findChild<QAction*>("actionChatPanel")->trigger();
  shoot(window, folder, "8-chat-settings-zoomed" + suffix);
  window.findChild<QAction*>("actionChatPanel")->trigger();
  window.findChild<QAction*>("actionZoomReset")->trigger();
  page->setCompare({});
  chat.answerError = Error{ErrorCode::InvalidArgument, "the prompt has 3,012 tokens, and the context holds 2,048",
                           "raise the context under Model in the settings, or begin a new conversation"};
  say(window, "And what is the whole of it?");
  finish(window);
  shoot(window, folder, "8-chat-error" + suffix);
}

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
      shootChat(services, folder, suffix, size);
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
      window.showPage("benchmark");
      shoot(window, folder, "9-benchmark-empty" + suffix);
      if (argc > 2) {
        auto* benchmark = window.findChild<BenchmarkPage*>();
        benchmark->run();
        while (benchmark->running()) spin(100);
        shoot(window, folder, "9-benchmark" + suffix);
        window.findChild<QTabWidget*>("benchTabs")->setCurrentIndex(1);
        shoot(window, folder, "9-benchmark-figures" + suffix);
        window.findChild<QTabWidget*>("benchTabs")->setCurrentIndex(2);
        shoot(window, folder, "9-benchmark-facts" + suffix);
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
