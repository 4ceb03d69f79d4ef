// SPDX-License-Identifier: Apache-2.0
// The same ids and texts as the tokenizers library, for the demo model and for vocabularies in the style of many families.
#include <QTemporaryDir>
#include <QtTest>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/text/regex.h"
#include "core/text/stream.h"
#include "core/text/tokenizer.h"

using namespace deltascope;
using nlohmann::json;

namespace {

using Ids = std::vector<TokenId>;

json load(const QString& file) {
  std::ifstream stream(file.toStdString());
  return json::parse(stream, nullptr, false);
}

QByteArray show(const Ids& ids) { return QByteArray::fromStdString(json(ids).dump()); }

#define COMPARE_IDS(actual, expected)                                                                  \
  do {                                                                                                 \
    const auto actualIds = (actual);                                                                   \
    QVERIFY2(actualIds.has_value(), actualIds ? "" : describe(actualIds.error()).c_str());             \
    if (*actualIds != (expected)) qWarning() << "text" << QString::fromStdString(text) << text.size(); \
    QCOMPARE(show(*actualIds), show(expected));                                                        \
  } while (false)

#define COMPARE_TEXT(actual, expected) QCOMPARE(QByteArray::fromStdString(actual), QByteArray::fromStdString(expected))

std::string streamed(const Tokenizer& tokenizer, std::span<const TokenId> ids, bool skipSpecial) {
  Detokenizer stream(tokenizer, skipSpecial);
  std::string text;
  for (const TokenId id : ids) text += stream.add(id);
  return text + stream.finish();
}

}  // namespace

class TestTokenizer : public QObject {
  Q_OBJECT
  QTemporaryDir m_folder;

  std::optional<Tokenizer> open(const json& file) const {
    const auto path = m_folder.filePath("tokenizer.json").toStdString();
    std::ofstream(path) << file.dump();
    auto tokenizer = Tokenizer::open(m_folder.path().toStdString());
    if (!tokenizer) qWarning("%s", describe(tokenizer.error()).c_str());
    return tokenizer ? std::optional(*tokenizer) : std::nullopt;
  }
  std::optional<Tokenizer> openStyle(const char* name) const {
    return open(load(QStringLiteral(DELTASCOPE_TEST_DATA "/text/styles/%1.json").arg(name)).at("tokenizer"));
  }

 private slots:
  void demoModelMatchesTheLibrary() {
    const auto tokenizer = Tokenizer::open(DELTASCOPE_DEMO "/chat");
    QVERIFY(tokenizer);
    const json cases = load(DELTASCOPE_TEST_DATA "/text/demo_cases.json");
    QCOMPARE(cases.size(), 240u);
    for (const json& c : cases) {
      const auto text = c.at("text").get<std::string>();
      const auto ids = c.at("ids").get<Ids>();
      COMPARE_IDS(tokenizer->encode(text, true), ids);
      COMPARE_IDS(tokenizer->encode(text, false), c.at("ids_no_special").get<Ids>());
      COMPARE_TEXT(tokenizer->decode(c.at("ids_no_special").get<Ids>(), false), c.at("decoded").get<std::string>());
      COMPARE_TEXT(tokenizer->decode(ids, true), c.at("decoded_skip_special").get<std::string>());
    }
  }

  void stylesMatchTheLibrary_data() {
    QTest::addColumn<QString>("file");
    const QDir folder(DELTASCOPE_TEST_DATA "/text/styles");
    for (const QString& name : folder.entryList({"*.json"})) QTest::newRow(qPrintable(name)) << folder.filePath(name);
  }
  void stylesMatchTheLibrary() {
    QFETCH(QString, file);
    const json golden = load(file);
    const auto tokenizer = open(golden.at("tokenizer"));
    QVERIFY(tokenizer);
    QVERIFY(golden.at("cases").size() > 150);
    for (const json& c : golden.at("cases")) {
      const auto ids = c.at("ids").get<Ids>();
      if (c.contains("text")) {
        const auto text = c.at("text").get<std::string>();
        COMPARE_IDS(tokenizer->encode(text, true), ids);
        COMPARE_IDS(tokenizer->encode(text, false), c.at("plain").get<Ids>());
        const TextSegment user{text, false};
        if (c.contains("guarded")) COMPARE_IDS(tokenizer->encode(std::span(&user, 1), false), c.at("guarded").get<Ids>());
      }
      if (c.contains("decoded")) {
        COMPARE_TEXT(tokenizer->decode(ids, false), c.at("decoded").get<std::string>());
        COMPARE_TEXT(tokenizer->decode(ids, true), c.at("skipped").get<std::string>());
      }
      for (std::size_t n = 0; n <= ids.size(); ++n)
        for (const bool skip : {false, true})
          QCOMPARE(streamed(*tokenizer, std::span(ids).first(n), skip), tokenizer->decode(std::span(ids).first(n), skip));
    }
  }

  void regularExpressionsMatchAsInTheLibrary() {
    const json golden = load(DELTASCOPE_TEST_DATA "/text/regex.json");
    QVERIFY(golden.at("patterns").size() >= 20);
    for (const json& entry : golden.at("patterns")) {
      const auto pattern = entry.at("pattern").get<std::string>();
      const auto regex = text::Regex::compile(pattern);
      QVERIFY2(regex, regex ? "" : describe(regex.error()).c_str());
      for (std::size_t i = 0; i < golden.at("texts").size(); ++i) {
        json matches = json::array();
        const auto subject = golden.at("texts")[i].get<std::string>();
        QVERIFY(regex->forEach(subject, [&](std::size_t begin, std::size_t end) {
          if (end > begin) matches.push_back({begin, end});
        }));
        if (matches != entry.at("matches")[i]) qWarning("%s in %s", pattern.c_str(), subject.c_str());
        QCOMPARE(matches.dump(), entry.at("matches")[i].dump());
      }
    }
  }

  void segmentsEncodeAsOneText() {
    for (const char* style : {"llama3", "qwen2", "llama2", "gpt2"}) {
      const auto tokenizer = openStyle(style);
      QVERIFY(tokenizer);
      const std::string text = "user\n\n  Don't you, née 日本 😀 <tool_call>12345<s></s>\n";
      const auto whole = tokenizer->encode(text, false);
      QVERIFY(whole);
      for (std::size_t cut = 0; cut <= text.size(); ++cut) {  // inside characters, too
        const std::string_view all(text);
        const TextSegment parts[] = {{all.substr(0, cut), true}, {all.substr(cut), true}};
        COMPARE_IDS(tokenizer->encode(parts, false), *whole);
      }
    }
  }

  void userTextDoesNotBecomeASpecialToken_data() {
    QTest::addColumn<QString>("style");
    QTest::addColumn<QString>("token");
    QTest::newRow("before normalization") << "llama3"
                                          << "<|eot_id|>";
    QTest::newRow("with Unicode normalization") << "qwen2"
                                                << "<|im_end|>";
    QTest::newRow("with prepended space") << "llama2"
                                          << "</s>";
    QTest::newRow("after normalization") << "gpt2"
                                         << "<|endoftext|>";
  }
  void userTextDoesNotBecomeASpecialToken() {
    QFETCH(QString, style);
    QFETCH(QString, token);
    const auto tokenizer = openStyle(qPrintable(style));
    QVERIFY(tokenizer);
    const std::string special = token.toStdString();
    const auto id = tokenizer->id(special);
    QVERIFY(id && tokenizer->isSpecial(*id));
    for (std::size_t cut = 0; cut < special.size(); ++cut) {
      // The token lies across the boundary, in either order, or wholly in the user's text (cut 0).
      const std::string_view all(special);
      const std::string user = std::string(all.substr(cut)) + " é";
      const TextSegment after[] = {{special, true}, {all.substr(0, cut), true}, {user, false}, {special, true}};
      const auto ids = tokenizer->encode(after, false);
      QVERIFY(ids);
      QCOMPARE(std::count(ids->begin(), ids->end(), *id), 2);
      QCOMPARE(ids->back(), *id);
      if (!cut) continue;
      const TextSegment before[] = {{"é ", false}, {all.substr(0, cut), false}, {all.substr(cut), true}};
      const auto other = tokenizer->encode(before, false);
      QVERIFY(other);
      QCOMPARE(std::count(other->begin(), other->end(), *id), 0);
    }
  }

  void longRunsEncodeAndDecode_data() {
    QTest::addColumn<QString>("style");
    QTest::addColumn<QString>("unit");
    for (const char* style : {"llama3", "gpt2", "llama2", "mistral"})
      for (const char* unit : {"a", " ", "\n", "1", "=", "é", "😀", "▁"})
        QTest::addRow("%s %s", style, qPrintable(QString::number(QString(unit).toUcs4()[0], 16))) << style << unit;
  }
  void longRunsEncodeAndDecode() {
    QFETCH(QString, style);
    QFETCH(QString, unit);
    const auto tokenizer = openStyle(qPrintable(style));
    QVERIFY(tokenizer);
    std::string text;
    while (text.size() < 1'000'000) text += unit.toStdString();
    text += 'x';
    const auto ids = tokenizer->encode(text, false);
    QVERIFY2(ids, ids ? "" : describe(ids.error()).c_str());
    std::string back = tokenizer->decode(*ids, false);
    if (style == "gpt2" && unit != " ") back.erase(0, 1);             // this style puts a space before a text
    if (style == "mistral" && unit == " ") text.erase(0, 1);          // this one takes one away
    if (unit == "▁" && style != "llama3" && style != "gpt2") return;  // there a ▁ is a space
    QVERIFY(back == text);
  }

  void anEmptyTextIsItsSpecialTokens() {
    const auto tokenizer = Tokenizer::open(DELTASCOPE_DEMO "/chat/tokenizer.json");
    QVERIFY(tokenizer);
    QCOMPARE(show(*tokenizer->encode("", true)), show(tokenizer->idsBefore()));
    QCOMPARE(show(*tokenizer->encode(std::span<const TextSegment>(), false)), show({}));
    QCOMPARE(tokenizer->decode({}, true), std::string());
    QCOMPARE(tokenizer->size(), 8192u);
    QCOMPARE(tokenizer->specialIds().size(), 5u);
    QCOMPARE(tokenizer->token(8187).value_or(""), std::string_view("<|begin_of_text|>"));
    QVERIFY(!tokenizer->token(8192));
    QVERIFY(!tokenizer->id("no such token"));
    const TokenId beyond[] = {8192, 0xFFFFFFFF};
    QCOMPARE(tokenizer->decode(beyond, true), std::string());
  }

  void textThatIsNotUtf8IsRefused() {
    const auto tokenizer = Tokenizer::open(DELTASCOPE_DEMO "/chat");
    QVERIFY(tokenizer);
    for (const char* text : {"ab\xFF", "ab\xC3", "ab\xED\xA0\x80", "ab\xC0\x80", "ab\xF4\x90\x80\x80"}) {
      const auto ids = tokenizer->encode(std::string_view(text), true);
      QVERIFY(!ids);
      QCOMPARE(ids.error().code, ErrorCode::InvalidArgument);
      QVERIFY(ids.error().message.find("byte 2") != std::string::npos);
    }
  }
};

QTEST_GUILESS_MAIN(TestTokenizer)
#include "test_tokenizer.moc"
