// SPDX-License-Identifier: Apache-2.0
// The language of chat templates: what Jinja2 makes of small templates in transformers' environment, and what is refused or
// stopped.
#include <QElapsedTimer>
#include <QtTest>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/text/chat_template.h"

using namespace deltascope;
using nlohmann::ordered_json;

namespace {

ordered_json load(const char* file) {
  std::ifstream stream(std::string(DELTASCOPE_TEST_DATA "/text/") + file);
  return ordered_json::parse(stream, nullptr, false);
}

Result<RenderedPrompt> rendered(const std::string& source, const ordered_json& variables = {}) {
  const auto chat = ChatTemplate::parse(source, {}, "folder/t.jinja");
  if (!chat) return tl::make_unexpected(chat.error());
  ChatRequest request;
  request.messages = {{{"role", "user"}, {"content", "Hi"}}};
  request.variables = variables;
  std::tm time{};  // 2024-07-26 12:34:56 in local time, whatever that is here
  time.tm_year = 124, time.tm_mon = 6, time.tm_mday = 26, time.tm_hour = 12, time.tm_min = 34, time.tm_sec = 56,
  time.tm_isdst = -1;
  request.now = std::chrono::system_clock::from_time_t(std::mktime(&time));
  return chat->render(request);
}

}  // namespace

class TestJinja : public QObject {
  Q_OBJECT

 private slots:
  void rowsMatchTheLibrary_data() {
    QTest::addColumn<QByteArray>("source");
    QTest::addColumn<QByteArray>("expected");
    QTest::addColumn<bool>("raises");
    int row = 0;
    for (const auto& r : load("jinja.json").at("rows"))
      QTest::addRow("row %d", row++) << QByteArray::fromStdString(r.at("source").get<std::string>())
                                     << QByteArray::fromStdString(r.value("rendered", "")) << r.contains("raises");
    QVERIFY(row > 500);
  }
  void rowsMatchTheLibrary() {
    static const ordered_json variables = load("jinja.json").at("variables");
    QFETCH(QByteArray, source);
    QFETCH(QByteArray, expected);
    QFETCH(bool, raises);
    const auto prompt = rendered(source.toStdString(), variables);
    const QByteArray shown = source + "\n" + QByteArray::fromStdString(prompt ? prompt->text() : describe(prompt.error()));
    QVERIFY2(prompt.has_value() != raises, shown.constData());
    if (raises) {
      QVERIFY2(prompt.error().message.find("t.jinja, line ") != std::string::npos, shown.constData());
      QVERIFY2(prompt.error().code != ErrorCode::Internal, shown.constData());
    } else if (QByteArray::fromStdString(prompt->text()) != expected) {
      QFAIL((shown + "\nexpected\n" + expected).constData());
    }
  }
};

QTEST_GUILESS_MAIN(TestJinja)
#include "test_jinja.moc"
