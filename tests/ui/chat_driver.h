// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Driving the chat page of the real window.
#include <QAbstractButton>
#include <QLabel>
#include <QPlainTextEdit>

#include "tests/ui/frame_fixture.h"
#include "ui/chat/chat_page.h"
#include "ui/chat/message_text.h"
#include "ui/frame/message_bar.h"

namespace deltascope::ui {

inline ChatPage& chatPage(const Frame& frame) { return *frame.window->findChild<ChatPage*>(); }

/// Opens the window on the chat page with a model; `base`: of a payload that has none of its own.
inline MainWindow& openChatOn(Frame& frame, const QString& path, const QString& base = {}) {
  MainWindow& window = frame.open();
  window.showPage("chat");
  window.openPath(path, base);
  if (!QTest::qWaitFor([&] { return window.session().model() != nullptr; }, 30'000)) qFatal("the model did not open");
  return window;
}

inline MainWindow& openChat(Frame& frame, const QString& model = "chat-nf4") { return openChatOn(frame, frame.model(model)); }

inline void say(const Frame& frame, const QString& text) {
  frame.find<QPlainTextEdit>("chatInput")->setPlainText(text);
  frame.find<QAbstractButton>("chatSend")->click();
}

inline bool waitForAnswer(const Frame& frame) {
  return QTest::qWaitFor([&] { return !chatPage(frame).answering(); }, 120'000);
}

/// A label's text, its blanks as they are typed.
inline QString labelText(const Frame& frame, const QString& name) {
  return frame.find<QLabel>(name)->text().replace(QChar::Nbsp, u' ');
}
inline QString textOf(const Frame& frame, const QString& name) { return frame.find<MessageText>(name)->plain(); }
/// What the line above the pages says.
inline QString said(const Frame& frame) { return frame.find<MessageBar>("messageBar")->message().text; }

}  // namespace deltascope::ui
