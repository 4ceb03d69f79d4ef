// SPDX-License-Identifier: Apache-2.0
// The same text as transformers' apply_chat_template, for the demo model and for templates in the styles of many families; and
// what a conversation may not do: speak with the special tokens of the template.
#include <QTemporaryDir>
#include <QtTest>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/text/chat_template.h"

using namespace deltascope;
using nlohmann::ordered_json;

namespace {

ordered_json load(const QString& file) {
  std::ifstream stream(file.toStdString());
  return ordered_json::parse(stream, nullptr, false);
}

ChatRequest requestOf(const ordered_json& c) {
  ChatRequest request;
  request.messages = c.at("messages");
  request.tools = c.value("tools", ordered_json());
  request.variables = c.value("variables", ordered_json());
  request.addGenerationPrompt = c.value("add_generation_prompt", true);
  // 2024-07-26 12:34:56 in local time, whatever that is here.
  std::tm time{};
  time.tm_year = 124, time.tm_mon = 6, time.tm_mday = 26, time.tm_hour = 12, time.tm_min = 34, time.tm_sec = 56,
  time.tm_isdst = -1;
  request.now = std::chrono::system_clock::from_time_t(std::mktime(&time));
  return request;
}

#define COMPARE_TEXT(actual, expected) QCOMPARE(QByteArray::fromStdString(actual), QByteArray::fromStdString(expected))

}  // namespace

class TestChatTemplate : public QObject {
  Q_OBJECT

 private slots:
  void demoModelMatchesTheLibrary() {
    const auto chat = ChatTemplate::open(DELTASCOPE_DEMO "/chat");
    QVERIFY2(chat, chat ? "" : describe(chat.error()).c_str());
    const auto cases = load(DELTASCOPE_TEST_DATA "/text/demo_chat_cases.json");
    QCOMPARE(cases.size(), 6u);
    for (const auto& c : cases) {
      const auto prompt = chat->render(requestOf(c));
      QVERIFY2(prompt, prompt ? "" : describe(prompt.error()).c_str());
      COMPARE_TEXT(prompt->text(), c.at("rendered").get<std::string>());
    }
  }

  void stylesMatchTheLibrary_data() {
    QTest::addColumn<QString>("file");
    const QDir folder(DELTASCOPE_TEST_DATA "/text/chat_styles");
    for (const QString& name : folder.entryList({"*.json"})) QTest::newRow(qPrintable(name)) << folder.filePath(name);
  }
  void stylesMatchTheLibrary() {
    QFETCH(QString, file);
    const auto style = load(file);
    const auto chat = ChatTemplate::parse(style.at("template").get<std::string>(),
                                          style.at("specials").get<std::map<std::string, std::string>>(), "t.jinja");
    QVERIFY2(chat, chat ? "" : describe(chat.error()).c_str());
    QVERIFY(style.at("cases").size() >= 10);
    for (const auto& c : style.at("cases")) {
      const QByteArray name = QByteArray::fromStdString(c.at("name").get<std::string>());
      const auto prompt = chat->render(requestOf(c));
      if (c.contains("raises")) {
        QVERIFY2(!prompt, name.constData());
        if (const auto says = c.at("raises").get<std::string>(); !says.empty())
          QVERIFY2(prompt.error().message.find(says) != std::string::npos, prompt.error().message.c_str());
        continue;
      }
      QVERIFY2(prompt, prompt ? "" : (name.toStdString() + ": " + describe(prompt.error())).c_str());
      if (prompt->text() != c.at("rendered").get<std::string>()) qWarning() << name;
      COMPARE_TEXT(prompt->text(), c.at("rendered").get<std::string>());
    }
  }
};

QTEST_GUILESS_MAIN(TestChatTemplate)
#include "test_chat_template.moc"
