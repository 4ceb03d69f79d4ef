// SPDX-License-Identifier: Apache-2.0
// What lies beside the weights, as a user sees it travel: pack, unpack, inspect, tokenize, generate.
#include <QDir>
#include <QFile>
#include <QTemporaryDir>

#include "tests/app/run_cli.h"

using namespace deltascope::test;
using nlohmann::json;

namespace {

QByteArray contentOf(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray("none");
}

void put(const QString& path, const QByteArray& content) {
  QFile file(path);
  QVERIFY(file.open(QIODevice::WriteOnly) && file.write(content) == content.size());
}

}  // namespace

class TestCliCompanions : public QObject {
  Q_OBJECT
  QTemporaryDir m_folder;
  const QString m_chat = DELTASCOPE_DEMO "/chat";
  QString m_child, m_payload, m_bare;

  QString at(const QString& name) const { return m_folder.filePath(name); }

 private slots:
  /// The demo's model under other settings: the end token is another, and the template says something else.
  void initTestCase() {
    m_child = at("child");
    m_payload = at("child.delta.safetensors");
    m_bare = at("bare.delta.safetensors");
    QVERIFY(QDir().mkpath(m_child) && QDir().mkpath(at("lone")));
    for (const QString& name : QDir(m_chat).entryList(QDir::Files))
      QVERIFY(QFile::copy(m_chat + '/' + name, m_child + '/' + name));
    QFile::setPermissions(m_child + "/generation_config.json", QFile::ReadOwner | QFile::WriteOwner);
    QFile::setPermissions(m_child + "/chat_template.jinja", QFile::ReadOwner | QFile::WriteOwner);
    put(m_child + "/generation_config.json", "{\"eos_token_id\": [300]}");
    put(m_child + "/chat_template.jinja", "{{ messages[0].content }}");
    put(m_child + "/optimizer.pt", "state");
    COMPARE_STATUS(runCli({"pack", "--final", m_child, "--base", m_chat, "--out", m_payload, "--quiet"}), 0);
    QVERIFY(QFile::copy(m_chat + "/model-00001-of-00003.safetensors", at("lone/part.safetensors")));
    COMPARE_STATUS(runCli({"pack", "--final", at("lone/part.safetensors"), "--base", m_chat, "--out", m_bare, "--quiet"}), 0);
  }

  void packSaysWhatTravelsAndWhatDoesNot() {
    const QStringList arguments{"pack",       "--final", m_child, "--base", m_chat, "--out", at("said.delta.safetensors"),
                                "--overwrite"};
    const auto text = runCli(arguments);
    COMPARE_STATUS(text, 0);
    QVERIFY2(
        text.out.contains("beside the weights: 5 files") && text.out.contains("left out: optimizer.pt (a state of training)"),
        text.out);
    QVERIFY(!text.out.contains("verified"));
    const auto run = runCli(arguments + QStringList{"--verify", "--json"});
    COMPARE_STATUS(run, 0);
    QCOMPARE(run.json().at("verified"), json(true));
    QCOMPARE(run.json().at("companions").at("files"), json(5));
    QCOMPARE(run.json().at("left_out"), json::parse(R"([{"file": "optimizer.pt", "reason": "a state of training"}])"));
  }

  void unpackGivesTheFinalsFilesAndSaysWhatIsMissing() {
    const auto run = runCli({"unpack", m_payload, "--base", m_chat, "--out", at("back"), "--verify", "--json"});
    COMPARE_STATUS(run, 0);
    const json said = run.json();
    QCOMPARE(said.at("verified"), json(true));
    QCOMPARE(said.at("companions").at("files"), json(5));
    QCOMPARE(said.at("of_base"), json::array());
    QVERIFY(said.at("left_out_by_pack").get<std::string>().find("optimizer.pt") != std::string::npos);
    for (const char* name : {"config.json", "generation_config.json", "chat_template.jinja", "tokenizer.json"})
      QCOMPARE(contentOf(at("back/") + name), contentOf(m_child + '/' + name));
    const auto bare = runCli({"unpack", m_bare, "--base", m_chat, "--out", at("bare")});
    COMPARE_STATUS(bare, 0);
    QVERIFY2(bare.out.contains("of the base are: chat_template.jinja, config.json"), bare.out);
  }

  void inspectCountsThem() {
    QCOMPARE(runCli({"inspect", m_payload, "--json"}).json().at("companions").at("files"), json(5));
    const auto text = runCli({"inspect", m_bare});
    QVERIFY2(text.out.contains("files beside the weights: none: configuration and tokenizer are the base's"), text.out);
  }

  void aPayloadIsRunWithItsOwnFiles() {
    const QStringList rest{"--prompt", "Who are you?", "--max-new-tokens", "8", "--json"};
    const auto truth = runCli(QStringList{"generate", m_child} + rest);
    COMPARE_STATUS(truth, 0);
    const auto run = runCli(QStringList{"generate", m_payload, "--base", m_chat} + rest);
    COMPARE_STATUS(run, 0);
    QVERIFY2(!run.err.contains("note:"), run.err);
    for (const char* key : {"prompt_ids", "ids", "stop_reason", "logits_hash"})
      QCOMPARE(run.json().at(key), truth.json().at(key));
    QCOMPARE(run.json().at("companions").at(0).at("borrowed"), json(false));
    const auto parent = runCli(QStringList{"generate", m_chat} + rest);
    QVERIFY(parent.json().at("prompt_ids") != truth.json().at("prompt_ids"));
  }

  void onePayloadOverAnotherSpeaksLast() {
    const QStringList rest{"--ids", "1,2,3", "--max-new-tokens", "2", "--json"};
    const auto run = runCli(QStringList{"generate", m_chat, "--payload", m_payload} + rest);
    COMPARE_STATUS(run, 0);
    const auto answer = run.json();
    for (const auto& use : answer.at("companions"))
      QVERIFY2(QString::fromStdString(use.at("file").get<std::string>()).startsWith(m_payload), use.dump().c_str());
  }

  void borrowedFilesAreSaidToBe() {
    const auto run = runCli({"generate", m_bare, "--base", m_chat, "--ids", "1,2,3", "--max-new-tokens", "1", "--json"});
    COMPARE_STATUS(run, 0);
    QVERIFY2(run.err.contains("bare.delta.safetensors carries no config.json") && run.err.contains(m_chat.toUtf8()), run.err);
    QCOMPARE(run.json().at("companions").at(0).at("borrowed"), json(true));
    QCOMPARE(run.json().at("companions").at(0).at("name"), json("config.json"));
  }

  void tokenizeReadsAPayloadsTokenizer() {
    const auto truth = runCli({"tokenize", m_chat, "--text", "What is NF4?"});
    const auto run = runCli({"tokenize", m_payload, "--text", "What is NF4?"});
    COMPARE_STATUS(run, 0);
    QCOMPARE(run.out, truth.out);
    COMPARE_STATUS(runCli({"tokenize", m_bare, "--text", "x"}), 3);
    QCOMPARE(runCli({"tokenize", m_bare, "--base", m_chat, "--text", "What is NF4?"}).out, truth.out);
  }
};

QTEST_GUILESS_MAIN(TestCliCompanions)
#include "test_cli_companions.moc"
