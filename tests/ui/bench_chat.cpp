// SPDX-License-Identifier: GPL-3.0-or-later
/// How long the chat page makes its user wait: `bench_chat`. The longest gap of the event loop while 5,000 tokens stream, in
/// paragraphs and as one, and while a conversation of 200 messages is opened.
#include <QAction>
#include <QApplication>
#include <QDir>
#include <QElapsedTimer>
#include <QListWidget>
#include <QPlainTextEdit>
#include <QSpinBox>
#include <QTemporaryDir>
#include <QTimer>
#include <algorithm>
#include <cstdio>

#include "tests/ui/fake_chat.h"
#include "ui/chat/chat_page.h"
#include "ui/chat/transcript.h"
#include "ui/frame/dialogs.h"
#include "ui/frame/main_window.h"
#include "ui/frame/model_session.h"
#include "ui/frame/settings.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

/// The longest time between two turns of the event loop while `busy` holds.
template <class Busy>
double longestGap(Busy busy) {
  QElapsedTimer gap;
  double longest = 0;
  QTimer beat;
  QObject::connect(&beat, &QTimer::timeout,
                   [&] { longest = std::max(longest, double(gap.nsecsElapsed()) / 1e6), gap.restart(); });
  gap.start();
  beat.start(1);
  while (busy()) QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
  return longest;
}

std::vector<FakeToken> tokens(int paragraph) {
  std::vector<FakeToken> made;
  for (int i = 0; i < 5000; ++i)
    made.push_back(
        {static_cast<TokenId>(i), i % paragraph == paragraph - 1 ? std::string("\n\n") : " word" + std::to_string(i % 100)});
  return made;
}

void writeLongConversation(const QString& folder) {
  QDir().mkpath(folder);
  Conversation conversation = newConversation();
  conversation.name = "long";
  for (int i = 0; i < 200; ++i) {
    Answer answer;
    answer.state = Answer::State::Finished;
    answer.model = "exact";
    for (int k = 0; k < 12; ++k)
      answer.text += "A **paragraph** of an answer with `code` and words enough to fill a line or two.\n\n";
    conversation.exchanges.append({.user = QString("Message %1").arg(i + 1), .answers = {answer}, .comparison = {}});
  }
  conversation.changed = QDateTime::currentDateTimeUtc().addYears(-1);
  QFile file(folder + "/" + conversation.id + ".json");
  if (file.open(QIODevice::WriteOnly)) file.write(toJson(conversation));
}

}  // namespace

int main(int argc, char** argv) {
  if (!qEnvironmentVariableIsSet("DISPLAY")) qputenv("QT_QPA_PLATFORM", "offscreen");
  const QApplication application(argc, argv);
  QTemporaryDir scratch;
  writeLongConversation(scratch.filePath("data/conversations"));
  Settings settings(scratch.filePath("settings.ini"));
  RealDialogs dialogs;
  FakeChat chat;
  chat.loadGate.open = true;
  chat.delay = std::chrono::microseconds(1000);
  int paragraph = 60;
  chat.says = [&](const LoadRequest&, const ChatTurn&) { return tokens(paragraph); };
  WindowServices services;
  services.engine = realEngine();
  chat.install(services.engine);
  services.settings = &settings;
  services.dialogs = &dialogs;
  services.look = systemLook();
  services.dataFolder = scratch.filePath("data");
  MainWindow window(services);
  window.show();
  window.showPage("chat");
  window.openPath(QString(DELTASCOPE_DEMO) + "/chat");
  auto* page = window.findChild<ChatPage*>();
  auto* transcript = window.findChild<Transcript*>();
  auto* list = window.findChild<QListWidget*>("chatConversationList");
  while (!window.session().model() || list->count() < 2) QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
  window.findChild<QSpinBox*>("chatMaxTokens")->setValue(6000);
  for (const int length : {60, 1000000}) {
    paragraph = length;
    page->send("Write much");
    const double gap = longestGap([&] { return page->answering() || transcript->rendering(); });
    std::printf("longest gap of the event loop while 5,000 tokens stream%s: %.0f ms\n",
                length > 5000 ? " as one paragraph" : "", gap);
  }
  QElapsedTimer opening;
  opening.start();
  window.findChild<QAction*>("actionChatNext")->trigger();
  (void)window.grab();
  std::printf("open and paint a conversation of 200 messages: %.0f ms\n", double(opening.nsecsElapsed()) / 1e6);
  const double gap = longestGap([&] { return transcript->rendering(); });
  std::printf("longest gap of the event loop while its Markdown is rendered: %.0f ms\n", gap);
  return 0;
}
