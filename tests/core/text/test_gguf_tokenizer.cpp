// SPDX-License-Identifier: Apache-2.0
/// A tokenizer that a GGUF file's metadata holds gives the ids of the one it was made of.
#include <QTemporaryDir>
#include <QtTest>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/checkpoint/gguf_companions.h"
#include "core/text/chat_template.h"
#include "core/text/tokenizer.h"
#include "tests/core/checkpoint/checkpoint_files.h"
#include "tests/core/checkpoint/gguf_bytes.h"

using namespace deltascope;
using namespace checkpoint_files;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

/// The demo's tokenizer as llama.cpp's converter writes it.
std::string withTokenizer(const std::string& pre) {
  const json file = json::parse(contentOf(fs::path(DELTASCOPE_DEMO) / "chat/tokenizer.json"));
  std::vector<std::string> tokens(file["model"]["vocab"].size() + file["added_tokens"].size()), merges;
  std::vector<std::uint32_t> kinds(tokens.size(), 1);
  for (const auto& [token, id] : file["model"]["vocab"].items()) tokens.at(id.get<std::size_t>()) = token;
  for (const auto& added : file["added_tokens"]) {
    tokens.at(added["id"].get<std::size_t>()) = added["content"].get<std::string>();
    kinds.at(added["id"].get<std::size_t>()) = added["special"].get<bool>() ? 3 : 4;
  }
  for (const auto& merge : file["model"]["merges"])
    merges.push_back(merge.is_string() ? merge.get<std::string>()
                                       : merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  const auto begin = static_cast<std::uint32_t>(std::ranges::find(tokens, "<|begin_of_text|>") - tokens.begin());
  const auto end = static_cast<std::uint32_t>(std::ranges::find(tokens, "<|eot_id|>") - tokens.begin());
  GgufBytes bytes;
  bytes.head(0, 10)
      .words("general.architecture", "llama")
      .real("llama.attention.layer_norm_rms_epsilon", 1e-5f)
      .words("tokenizer.ggml.model", "gpt2")
      .words("tokenizer.ggml.pre", pre);
  bytes.list("tokenizer.ggml.tokens", tokens).list("tokenizer.ggml.token_type", kinds).list("tokenizer.ggml.merges", merges);
  bytes.value("tokenizer.ggml.bos_token_id", begin).value("tokenizer.ggml.eos_token_id", end);
  bytes.words("tokenizer.chat_template", contentOf(fs::path(DELTASCOPE_DEMO) / "chat/chat_template.jinja"));
  return bytes.data(0).all();
}

}  // namespace

class TestGgufTokenizer : public QObject {
  Q_OBJECT
  QTemporaryDir m_folder;

  GgufCompanions filesOf(const std::string& pre) {
    const auto path = write(fs::path(m_folder.path().toStdString()) / (pre + ".gguf"), withTokenizer(pre));
    auto opened = Checkpoint::open(path);
    if (!opened) qFatal("%s", describe(opened.error()).c_str());
    return GgufCompanions(std::make_shared<const Checkpoint>(std::move(*opened)));
  }

 private slots:
  void idsAreTheOriginals() {
    const auto files = filesOf("llama-bpe");
    QVERIFY(files.has(kTokenizerFile) && files.has(kTokenizerConfigFile) && !files.has(kGenerationConfigFile));
    const auto tokenizer = Tokenizer::open(files);
    QVERIFY2(tokenizer, tokenizer ? "" : describe(tokenizer.error()).c_str());
    const json cases = json::parse(contentOf(fs::path(DELTASCOPE_TEST_DATA) / "text/demo_cases.json"));
    QVERIFY(cases.size() > 10);
    for (const auto& row : cases) {
      const auto text = row["text"].get<std::string>();
      const auto ids = tokenizer->encode(text, true), bare = tokenizer->encode(text, false);
      QVERIFY(ids && bare);
      QCOMPARE(json(*ids), row["ids"]);
      QCOMPARE(json(*bare), row["ids_no_special"]);
      QCOMPARE(QString::fromStdString(tokenizer->decode(*ids, true)),
               QString::fromStdString(row["decoded_skip_special"].get<std::string>()));
    }
  }

  void sentencePiecesAreTransformers_data() {
    QTest::addColumn<QString>("architecture");
    for (const char* architecture : {"llama", "phi3", "gemma3"}) QTest::newRow(architecture) << architecture;
  }
  void sentencePiecesAreTransformers() {
    QFETCH(QString, architecture);
    const fs::path folder = fs::path(DELTASCOPE_TEST_DATA) / "text/gguf_pieces";
    auto opened = Checkpoint::open(folder / (architecture.toStdString() + ".gguf"));
    QVERIFY2(opened, opened ? "" : describe(opened.error()).c_str());
    const GgufCompanions files(std::make_shared<const Checkpoint>(std::move(*opened)));
    const fs::path apart = fs::path(m_folder.path().toStdString()) / architecture.toStdString();  // without a config.json
    for (const auto name : {kTokenizerFile, kTokenizerConfigFile}) {
      const auto text = files.read(name);
      QVERIFY2(text, text ? "" : describe(text.error()).c_str());
      fs::create_directories(apart);
      write(apart / name, *text);
    }
    const auto tokenizer = Tokenizer::open(apart);
    QVERIFY2(tokenizer, tokenizer ? "" : describe(tokenizer.error()).c_str());
    const json cases = json::parse(contentOf(folder / "cases.json"))[architecture.toStdString()];
    QVERIFY(cases.size() > 90);
    for (const auto& row : cases) {
      const auto text = row["text"].get<std::string>();
      const auto ids = tokenizer->encode(text, true), bare = tokenizer->encode(text, false);
      QVERIFY(ids && bare);
      QVERIFY2(json(*ids) == row["ids"], (text + ": " + json(*ids).dump() + " not " + row["ids"].dump()).c_str());
      QCOMPARE(json(*bare), row["bare"]);
      QCOMPARE(QString::fromStdString(tokenizer->decode(*bare, false)),
               QString::fromStdString(row["decoded"].get<std::string>()));
      QCOMPARE(QString::fromStdString(tokenizer->decode(*ids, true)), QString::fromStdString(row["shown"].get<std::string>()));
    }
  }

  void strangePiecesAreRefused_data() {
    QTest::addColumn<int>("scores");
    QTest::addColumn<int>("length");
    QTest::addColumn<QString>("said");
    QTest::newRow("a score is missing") << 2 << 1 << "are not a finite number for each token";
    QTest::newRow("a token of 1,025 characters") << 3 << 1025 << "has a token of 1,025 characters";
  }
  void strangePiecesAreRefused() {
    QFETCH(int, scores);
    QFETCH(int, length);
    QFETCH(QString, said);
    GgufBytes bytes;
    bytes.head(0, 5)
        .words("general.architecture", "llama")
        .real("llama.attention.layer_norm_rms_epsilon", 1e-5f)
        .words("tokenizer.ggml.model", "llama")
        .list("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", std::string(static_cast<std::size_t>(length), 'c')})
        .list("tokenizer.ggml.scores", std::vector<std::uint32_t>(static_cast<std::size_t>(scores), 1));
    const auto path = write(fs::path(m_folder.path().toStdString()) / "strange.gguf", bytes.data(0).all());
    auto opened = Checkpoint::open(path);
    QVERIFY(opened);
    const auto read = GgufCompanions(std::make_shared<const Checkpoint>(std::move(*opened))).read(kTokenizerFile);
    QVERIFY(!read);
    QCOMPARE(read.error().code, ErrorCode::Corrupt);
    QVERIFY2(QString::fromStdString(read.error().message).contains(said), read.error().message.c_str());
  }

  void theTemplateIsThere() {
    const auto config = filesOf("llama-bpe").read(kTokenizerConfigFile);
    QVERIFY(config);
    const json parsed = json::parse(*config);
    QCOMPARE(parsed["chat_template"].get<std::string>(), contentOf(fs::path(DELTASCOPE_DEMO) / "chat/chat_template.jinja"));
    QCOMPARE(parsed["bos_token"].get<std::string>(), std::string("<|begin_of_text|>"));
    QCOMPARE(parsed["eos_token"].get<std::string>(), std::string("<|eot_id|>"));
  }

  void unknownWaysToSplitGiveNoTokenizer() {
    const auto files = filesOf("some-other");
    QVERIFY(!files.has(kTokenizerConfigFile));
    const auto read = files.read(kTokenizerFile);
    QVERIFY(!read);
    QCOMPARE(read.error().code, ErrorCode::Unsupported);
    QVERIFY(QString::fromStdString(read.error().message).contains("pre some-other"));
  }
};

QTEST_APPLESS_MAIN(TestGgufTokenizer)
#include "test_gguf_tokenizer.moc"
