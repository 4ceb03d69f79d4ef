// SPDX-License-Identifier: Apache-2.0
#include <QtTest>
#include <cmath>
#include <random>

#include "core/checkpoint/json.h"
#include "tests/core/checkpoint/checkpoint_files.h"

using namespace deltascope;

namespace {

void addNumbers(const nlohmann::json& value, std::vector<double>& numbers) {
  if (value.is_structured())
    for (const auto& item : value) addNumbers(item, numbers);
  if (value.is_number()) numbers.push_back(value.get<double>());
}

}  // namespace

class TestJson : public QObject {
  Q_OBJECT

 private slots:
  void validTextIsParsedAsTheLibraryParsesIt_data() {
    QTest::addColumn<QString>("text");
    for (const char* text :
         {"{}", "[]", "null", "true", "17", "-17", "0.25", "1e300", "\"\"",
          " \t\r\n[1, 2.5, -3, true, false, null, \"é\\u00e9\\n\"] ",
          R"({"a":{"b":[{"c":[]},{"d":{}}]},"e":[[],[[]],{}],"f":18446744073709551615,"g":-9223372036854775808})",
          R"({"":0,"\u0061":1,"b":{"a":1}})"})
      QTest::newRow(text) << text;
  }
  void validTextIsParsedAsTheLibraryParsesIt() {
    QFETCH(QString, text);
    const auto parsed = parseJson(text.toStdString(), "f", JsonRules::Strict);
    QVERIFY2(parsed, parsed ? "" : parsed.error().message.c_str());
    QVERIFY(*parsed == nlohmann::json::parse(text.toStdString()));
  }

  void badTextIsRefused_data() {
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QString>("says");
    const auto row = [](const char* name, QByteArray text, const char* says) { QTest::newRow(name) << text << says; };
    row("nothing", "", "offset 0: is not valid JSON");
    row("spaces", "  ", "offset 2: is not valid JSON");
    row("a word", "word", "is not valid JSON");
    row("two values", "{} {}", "offset 4: is not valid JSON");
    row("cut off", "{\"a\":", "offset 5: is not valid JSON");
    row("a trailing comma", "[1,]", "is not valid JSON");
    row("a comment", "[1] // one", "is not valid JSON");
    row("NaN", "[NaN]", "is not valid JSON");
    row("a number beyond doubles", "[1e999]", "is not valid JSON");
    row("a NUL after the value", QByteArray("{}\0", 3), "offset 2: is not valid JSON (a NUL byte)");
    row("a byte order mark", "\xef\xbb\xbf{}", "byte order mark");
    row("invalid UTF-8", "\"\xff\"", "ill-formed UTF-8");
    row("invalid UTF-8 in a key", "{\"\xc3(\":1}", "ill-formed UTF-8");
    row("a raw newline in a string", "\"a\nb\"", "control character");
    row("a lone surrogate", "\"\\ud800\"", "surrogate");
    row("a key twice", R"({"a":1,"b":2,"a":3})", "offset 16: the key \"a\" occurs twice");
    row("a key twice by escapes", R"({"a":1,"\u0061":3})", "the key \"a\" occurs twice");
    row("a key twice further down", R"([{"x":{"a":[],"a":[]}}])", "the key \"a\" occurs twice");
    row("a key of two lines twice", R"({"a\nb":1,"a\nb":1})", "the key \"a\\x0ab\" occurs twice");
    row("65 levels of arrays", QByteArray(65, '[') + QByteArray(65, ']'), "offset 65: is nested deeper than 64 levels");
    row("a million levels", QByteArray(1'000'000, '['), "is nested deeper than 64 levels");
    row("a million levels of objects", QByteArray("{\"a\":").repeated(1'000'000), "is nested deeper than 64 levels");
  }
  void badTextIsRefused() {
    QFETCH(QByteArray, text);
    QFETCH(QString, says);
    const auto parsed = parseJson({text.constData(), std::size_t(text.size())}, "folder/config.json", JsonRules::Strict);
    QVERIFY(!parsed);
    QCOMPARE(parsed.error().code, ErrorCode::Corrupt);
    QVERIFY(parsed.error().message.starts_with("folder/config.json, offset "));
    QVERIFY2(QString::fromStdString(parsed.error().message).contains(says), parsed.error().message.c_str());
    QVERIFY(parsed.error().message.find('\n') == std::string::npos && parsed.error().message.size() < 400);
  }

  /// python_json.json: what Python's json makes of it.
  void pythonsTextsAreReadAsPythonReadsThem_data() {
    QTest::addColumn<QString>("row");
    for (const auto& row : nlohmann::json::parse(checkpoint_files::contentOf(checkpoint_files::golden("python_json.json"))))
      QTest::newRow(row.at("text").get<std::string>().substr(0, 40).c_str()) << QString::fromStdString(row.dump());
  }
  void pythonsTextsAreReadAsPythonReadsThem() {
    QFETCH(QString, row);
    const auto expected = nlohmann::json::parse(row.toStdString());
    const auto text = expected.at("text").get<std::string>();
    const auto parsed = parseJson(text, "f", JsonRules::Python);
    if (expected.contains("refused")) {
      QVERIFY(!parsed);
      return;
    }
    QVERIFY2(parsed, parsed ? "" : parsed.error().message.c_str());
    std::vector<double> numbers;
    addNumbers(*parsed, numbers);
    const auto& wanted = expected.at("numbers");
    QCOMPARE(numbers.size(), wanted.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const double want = std::strtod(wanted[i].get<std::string>().c_str(), nullptr);
      QVERIFY2(std::isnan(want) ? std::isnan(numbers[i]) : numbers[i] == want, wanted[i].get<std::string>().c_str());
    }
    std::vector<std::string> keys;
    if (parsed->is_object())
      for (const auto& item : parsed->items()) keys.push_back(item.key());
    QCOMPARE(keys, expected.at("keys").get<std::vector<std::string>>());
  }

  void pythonsNumbersStayPlacedInTheText() {
    const auto parsed = parseJson("{\"a\":[NaN,Infinity],\"b\":\"Infinity\",\"c\":]}", "f", JsonRules::Python);
    QVERIFY(!parsed);
    QVERIFY2(parsed.error().message.starts_with("f, offset 40: "), parsed.error().message.c_str());
  }

  void membersAreEditedInTheText_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<QString>("without");
    QTest::addColumn<QString>("with");
    const auto row = [](const char* text, const char* without, const char* with) {
      QTest::newRow(text) << text << without << with;
    };
    row("{}", "{}", "{\n  \"q\": 7\n}");
    row("{\"q\":1}", "{}", "{\n  \"q\": 7\n}");
    row("{ \"q\" : {\"a\":[1,\"}\"]} , \"b\": NaN }", "{ \"b\": NaN }", "{ \"b\": NaN,\n  \"q\": 7\n}");
    row("{\"a\":Infinity,\n \"q\":[{}]\n}", "{\"a\":Infinity\n}", "{\"a\":Infinity,\n  \"q\": 7\n}");
    row("{\"a\":\"q\",\"q\":1,\"b\":{\"q\":2},\"q\":3}", "{\"a\":\"q\",\"b\":{\"q\":2}}",
        "{\"a\":\"q\",\"b\":{\"q\":2},\n  \"q\": 7\n}");
  }
  void membersAreEditedInTheText() {
    QFETCH(QString, text);
    QFETCH(QString, without);
    QFETCH(QString, with);
    QCOMPARE(QString::fromStdString(withoutMember(text.toStdString(), "q")), without);
    const auto changed = withMember(text.toStdString(), "q", "7");
    QCOMPARE(QString::fromStdString(changed), with);
    QCOMPARE(parseJson(changed, "f").value()["q"].get<int>(), 7);
  }

  void sixtyFourLevelsAreFine() { QVERIFY(parseJson(std::string(64, '[') + std::string(64, ']'), "f")); }

  void randomChangesNeverCrash() {
    const std::string valid =
        R"({"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors"},"n":[1,-2,3.5,true,null,{"k":"\u00e9"}]})";
    std::mt19937 random(3);
    int accepted = 0;
    for (int round = 0; round < 5000; ++round) {
      auto text = valid;
      for (auto changes = 1 + random() % 4; changes > 0; --changes) {
        const auto place = random() % text.size();
        if (random() % 2)
          text[place] = static_cast<char>(random());
        else
          text.insert(place, text.substr(random() % text.size(), random() % 20));
      }
      accepted += parseJson(text, "f", JsonRules::Strict).has_value();
      (void)parseJson(text, "f", JsonRules::Python);
    }
    QVERIFY(accepted > 0);
  }
};

QTEST_APPLESS_MAIN(TestJson)
#include "test_json.moc"
