// SPDX-License-Identifier: Apache-2.0
// A tokenizer.json that is broken, or asks for what is not supported, is refused with the file, the stage and the reason.
#include <QTemporaryDir>
#include <QtTest>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/text/tokenizer.h"

using namespace deltascope;
using nlohmann::json;

namespace {

/// JSON with ' for ".
json quoted(QByteArray text) { return json::parse(text.replace('\'', '"').constData()); }

/// A small file that opens: a, b, ab and one special token.
json smallFile() {
  return quoted(
      "{'version': '1.0', 'added_tokens': [{'id': 3, 'content': '<s>', 'special': true, 'normalized': false,"
      "   'single_word': false, 'lstrip': false, 'rstrip': false}],"
      " 'normalizer': null, 'pre_tokenizer': null, 'decoder': null,"
      " 'post_processor': {'type': 'TemplateProcessing', 'single': [{'SpecialToken': {'id': '<s>'}}, {'Sequence': {'id': "
      "'A'}}],"
      "   'special_tokens': {'<s>': {'id': '<s>', 'ids': [3]}}},"
      " 'model': {'type': 'BPE', 'vocab': {'a': 0, 'b': 1, 'ab': 2}, 'merges': [['a', 'b']]}}");
}

}  // namespace

class TestTokenizerRefusals : public QObject {
  Q_OBJECT
  QTemporaryDir m_folder;

  Result<Tokenizer> openText(const std::string& text) const {
    std::ofstream(m_folder.filePath("tokenizer.json").toStdString(), std::ios::binary) << text;
    return Tokenizer::open(m_folder.path().toStdString());
  }

 private slots:
  void theSmallFileOpens() {
    const auto tokenizer = openText(smallFile().dump());
    QVERIFY2(tokenizer, tokenizer ? "" : describe(tokenizer.error()).c_str());
    QVERIFY(*tokenizer->encode("ab", true) == (std::vector<TokenId>{3, 2}));
  }

  void aBrokenFileIsRefused_data() {
    QTest::addColumn<QByteArray>("pointer");
    QTest::addColumn<QByteArray>("value");
    QTest::addColumn<bool>("unsupported");
    QTest::addColumn<QByteArray>("says");
    const auto row = [](const char* name, const char* pointer, const char* value, bool unsupported, const char* says) {
      QTest::newRow(name) << QByteArray(pointer) << QByteArray(value) << unsupported << QByteArray(says);
    };
    row("version", "/version", "'2.0'", true, "version \"2.0\"");
    row("normalizer", "/normalizer", "{'type': 'Other'}", true, "normalizer: the normalizer \"Other\"");
    row("normalizer without its table", "/normalizer", "{'type': 'Precompiled'}", false, "\"precompiled_charsmap\" must be");
    row("normalizer in a sequence", "/normalizer", "{'type': 'Sequence', 'normalizers': [{'type': 'NFC'}, {'type': 'Odd'}]}",
        true, "normalizer.normalizers[1]: the normalizer \"Odd\"");
    row("normalizer without a type", "/normalizer", "{}", false, "\"type\" must be a string");
    row("normalizer of another kind", "/normalizer", "[]", false, "is not an object");
    row("pre-tokenizer", "/pre_tokenizer", "{'type': 'UnicodeScripts'}", true, "the pre-tokenizer \"UnicodeScripts\"");
    row("behavior", "/pre_tokenizer", "{'type': 'Split', 'pattern': {'String': 'a'}, 'behavior': 'Odd'}", true, "\"Odd\"");
    row("pattern", "/pre_tokenizer", "{'type': 'Split', 'pattern': 'a', 'behavior': 'Isolated'}", false, "\"pattern\" must be");
    row("malformed regex", "/pre_tokenizer", "{'type': 'Split', 'pattern': {'Regex': '(a'}, 'behavior': 'Isolated'}", false,
        "pre_tokenizer.pattern: the regular expression is malformed");
    row("regex of another engine", "/pre_tokenizer",
        "{'type': 'Split', 'pattern': {'Regex': '[a&&b]'}, 'behavior': 'Isolated'}", true, "intersection");
    row("regex with a recursion", "/pre_tokenizer", "{'type': 'Split', 'pattern': {'Regex': '(?R)'}, 'behavior': 'Isolated'}",
        true, "the group (?R");
    row("replacement", "/pre_tokenizer", "{'type': 'Metaspace', 'replacement': 'ab'}", false, "must be one character");
    row("prepend scheme", "/pre_tokenizer", "{'type': 'Metaspace', 'add_prefix_space': false, 'prepend_scheme': 'always'}",
        false, "contradicts");
    row("decoder", "/decoder", "{'type': 'Other'}", true, "decoder: the decoder \"Other\"");
    row("strip", "/decoder", "{'type': 'Strip', 'content': '', 'start': 1, 'stop': 0}", false, "one character");
    row("post-processor", "/post_processor", "{'type': 'Other'}", true, "the post-processor \"Other\"");
    row("template without the text", "/post_processor/single", "[]", true, "must hold it once");
    row("template's token", "/post_processor/special_tokens", "{}", false, "\"<s>\" is missing");
    row("template's id", "/post_processor/special_tokens/<s>/ids", "[77]", false, "id 77");
    row("kind of model", "/model/type", "'Other'", true, "model: the model \"Other\"");
    row("vocabulary of another kind", "/model/type", "'Unigram'", false, "\"vocab\" must be a list");
    row("dropout", "/model/dropout", "0.1", true, "dropout");
    row("no model", "/model", "null", false, "model: is not an object");
    row("no vocabulary", "/model/vocab", "[]", false, "\"vocab\" must be an object");
    row("negative id", "/model/vocab/a", "-1", false, "the id of \"a\"");
    row("huge id", "/model/vocab/a", "4294967295", false, "out of range");
    row("one id twice", "/model/vocab/a", "1", false, "have the same id");
    row("no merges", "/model/merges", "null", false, "\"merges\" must be a list");
    row("merge of three", "/model/merges/0", "['a', 'b', 'a']", false, "merges[0] must be two strings");
    row("merge with two spaces", "/model/merges/0", "'a b a'", false, "merges[0] must be two tokens");
    row("merge of unknown tokens", "/model/merges/0", "['a', 'c']", false, "merges[0]: \"c\" is not in the vocabulary");
    row("merge to an unknown token", "/model/merges/0", "['b', 'a']", false, "merges[0]: \"ba\" is not in the vocabulary");
    row("added token without an id", "/added_tokens/0/id", "null", false, "added_tokens[0]: \"id\"");
    row("added tokens of another kind", "/added_tokens", "{}", false, "\"added_tokens\" must be a list");
  }
  void aBrokenFileIsRefused() {
    QFETCH(QByteArray, pointer);
    QFETCH(QByteArray, value);
    QFETCH(bool, unsupported);
    QFETCH(QByteArray, says);
    json file = smallFile();
    file[json::json_pointer(pointer.toStdString())] = quoted(value);
    const auto tokenizer = openText(file.dump());
    QVERIFY(!tokenizer);
    QCOMPARE(tokenizer.error().code, unsupported ? ErrorCode::Unsupported : ErrorCode::Corrupt);
    const QByteArray message = QByteArray::fromStdString(tokenizer.error().message);
    QVERIFY2(message.contains("tokenizer.json") && message.contains(says) && !message.contains('\n'), message.constData());
  }

  void anyTruncationIsRefused() {
    const std::string text = smallFile().dump();
    for (std::size_t n = 0; n < text.size(); ++n) {
      const auto tokenizer = openText(text.substr(0, n));
      QVERIFY(!tokenizer);
      QCOMPARE(tokenizer.error().code, ErrorCode::Corrupt);
    }
  }

  /// Each either opens and then encodes, to ids that decode, or says of the file what is wrong.
  void changedBytesAreReadOrRefused() {
    const std::string good = smallFile().dump();
    int opened = 0, refused = 0;
    std::uint32_t random = 12345;
    for (int i = 0; i < 2'000; ++i) {
      std::string text = good;
      for (int change = 0; change < 1 + i % 3; ++change) {
        random = random * 1664525 + 1013904223;
        text[(random >> 8) % text.size()] = "\"[]{}:,0189ab<> sn\\\xC3"[(random >> 4) % 20];
      }
      const auto tokenizer = openText(text);
      if (!tokenizer) {
        ++refused;
        const Error& error = tokenizer.error();
        QVERIFY2(error.code == ErrorCode::Corrupt || error.code == ErrorCode::Unsupported, describe(error).c_str());
        QVERIFY2(error.message.find("tokenizer.json") != std::string::npos, error.message.c_str());
        continue;
      }
      ++opened;
      const auto ids = tokenizer->encode("abab<s>a", true);
      QVERIFY2(ids, ids ? "" : (text + ": " + describe(ids.error())).c_str());
      for (const TokenId id : *ids) QVERIFY2(id < tokenizer->size(), text.c_str());
    }
    QVERIFY2(opened > 100 && refused > 100, qPrintable(QString("%1 opened, %2 refused").arg(opened).arg(refused)));
  }

  void aMissingFileSaysWhatToDo() {
    const auto tokenizer = Tokenizer::open(m_folder.filePath("nowhere").toStdString());
    QVERIFY(!tokenizer);
    QCOMPARE(tokenizer.error().code, ErrorCode::NotFound);
    QVERIFY(!tokenizer.error().hint.empty());
  }

  void aRegexThatTakesForeverIsStopped() {
    json file = smallFile();
    file["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"Regex", "(a+)+$|(a|aa)+c"}}}, {"behavior", "Isolated"}};
    const auto tokenizer = openText(file.dump());
    QVERIFY(tokenizer);
    const auto ids = tokenizer->encode(std::string(5000, 'a') + "b", false);
    QVERIFY(!ids);
    QCOMPARE(ids.error().code, ErrorCode::Unsupported);
    QVERIFY(ids.error().message.find("too much work") != std::string::npos);
  }
};

QTEST_GUILESS_MAIN(TestTokenizerRefusals)
#include "test_tokenizer_refusals.moc"
