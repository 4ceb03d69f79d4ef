// SPDX-License-Identifier: Apache-2.0
// generate, logits and selftest as a user calls them.
#include <signal.h>

#include <QTemporaryDir>

#include "tests/app/run_cli.h"

using namespace deltascope::test;
using nlohmann::json;

class TestCliGenerate : public QObject {
  Q_OBJECT
  QTemporaryDir m_folder;
  QString m_packed;
  const QString m_chat = DELTASCOPE_DEMO "/chat";

 private slots:
  void initTestCase() {
    m_packed = m_folder.filePath("packed");
    const auto run = runCli({"pack", "--final", m_chat, "--quantize", "nf4", "--scope", "all", "--out", m_packed, "--quiet"});
    COMPARE_STATUS(run, 0);
  }

  void answersAndStreams() {
    const auto run = runCli({"generate", m_chat, "--prompt", "What is NF4?"});
    COMPARE_STATUS(run, 0);
    QVERIFY2(run.out.startsWith("NF4 is a four-bit data type") && run.out.endsWith(".\n"), run.out);
    QVERIFY2(run.err.contains("tokens/s") && run.err.contains("peak") && run.err.contains("end"), run.err);
    QVERIFY(runCli({"generate", m_chat, "--prompt", "What is NF4?", "--quiet"}).err.isEmpty());
  }

  void printsTheKeysThatScriptsRead() {
    const auto run = runCli({"generate", m_packed, "--prompt", "Who are you?", "--max-new-tokens", "8", "--json", "--quiet"});
    COMPARE_STATUS(run, 0);
    const json result = run.json();
    for (const char* key : {"prompt_ids", "ids", "text", "tokens_per_second", "time_to_first_token_ms", "peak_memory_bytes",
                            "stop_reason", "logits_hash"})
      QVERIFY2(result.contains(key), key);
    QCOMPARE(result.at("ids").size(), std::size_t{8});
    QCOMPARE(result.at("stop_reason"), json("length"));
    QVERIFY(result.at("peak_memory_bytes").get<std::uint64_t>() <= result.at("expected_peak_bytes").get<std::uint64_t>());
  }

  void exactIsTheCheckpoint() {
    const QStringList rest{"--prompt", "What is a lossless check?", "--max-new-tokens", "16", "--json", "--quiet"};
    const auto truth = runCli(QStringList{"generate", m_chat} + rest);
    COMPARE_STATUS(truth, 0);
    for (const char* placement : {"static", "jit", "stream"}) {
      const auto run = runCli(QStringList{"generate", m_packed, "--placement", placement} + rest);
      COMPARE_STATUS(run, 0);
      QCOMPARE(run.json().at("logits_hash"), truth.json().at("logits_hash"));
      QCOMPARE(run.json().at("text"), truth.json().at("text"));
    }
    const auto base = runCli(QStringList{"generate", m_packed, "--base-only"} + rest);
    COMPARE_STATUS(base, 0);
    QVERIFY(base.json().at("logits_hash") != truth.json().at("logits_hash"));
  }

  void sharesAModelBetweenDevices() {
    const QStringList rest{"--prompt", "What is NF4?", "--max-new-tokens", "16", "--json", "--quiet"};
    const auto one = runCli(QStringList{"generate", m_packed} + rest);
    const auto two = runCli(QStringList{"generate", m_packed, "--device", "cpu,cpu", "--memory-budget", "40MiB"} + rest);
    COMPARE_STATUS(one, 0);
    COMPARE_STATUS(two, 0);
    const json alone = one.json(), shared = two.json();
    QCOMPARE(shared.at("logits_hash"), alone.at("logits_hash"));
    QCOMPARE(shared.at("text"), alone.at("text"));
    QCOMPARE(alone.at("devices").size(), std::size_t{1});
    QCOMPARE(alone.at("devices")[0].at("peak_memory_bytes"), alone.at("peak_memory_bytes"));
    QCOMPARE(shared.at("device"), json("cpu,cpu"));
    QCOMPARE(shared.at("devices").size(), std::size_t{2});
    std::uint64_t peaks = 0;
    for (const json& device : shared.at("devices")) {
      QCOMPARE(device.at("device"), json("cpu"));
      QCOMPARE(device.at("budget_bytes"), json(20u << 20));
      QVERIFY(device.at("peak_memory_bytes").get<std::uint64_t>() <= device.at("expected_peak_bytes").get<std::uint64_t>());
      peaks += device.at("peak_memory_bytes").get<std::uint64_t>();
    }
    QCOMPARE(shared.at("peak_memory_bytes"), json(peaks));
    const auto plan = runCli({"generate", m_packed, "--device", "cpu,cpu", "--plan", "--json"});
    COMPARE_STATUS(plan, 0);
    QCOMPARE(plan.json().at("devices").size(), std::size_t{2});
    QCOMPARE(plan.json().at("devices")[1].at("layers").back(), json(7));
    QCOMPARE(plan.json().at("tensors").back().at("device_index"), json(1));
  }

  void provesDevicesTogether() {
    const auto run = runCli({"selftest", "--device", "cpu,cpu", "--verbose", "--quiet"});
    COMPARE_STATUS(run, 0);
    QVERIFY2(run.out.contains("cpu,cpu, the smallest budget, against one device: the same logits"), run.out);
    QVERIFY2(run.out.contains("cpu,cpu, with drafts, against one device: the same logits"), run.out);
  }

  void samplesBySeed() {
    const auto draw = [&](const char* seed) {
      return runCli({"generate", m_chat, "--prompt", "The kernel", "--raw", "--temperature", "1.5", "--top-k", "50", "--top-p",
                     "0.95", "--min-p", "0.01", "--seed", seed, "--max-new-tokens", "24", "--quiet"});
    };
    const auto a = draw("7"), b = draw("7"), c = draw("8");
    COMPARE_STATUS(a, 0);
    QCOMPARE(a.out, b.out);
    QVERIFY(a.out != c.out);
  }

  void printsThePlan() {
    const auto run = runCli({"generate", m_packed, "--plan", "--memory-budget", "14MiB", "--context", "256"});
    COMPARE_STATUS(run, 0);
    QVERIFY2(run.out.contains("jit:") && run.out.contains("expected peak") && run.out.contains("14.00 MiB"), run.out);
    const auto asJson = runCli({"generate", m_packed, "--plan", "--json", "--memory-budget", "14MiB", "--context", "256"});
    COMPARE_STATUS(asJson, 0);
    QVERIFY(asJson.json().at("expected_peak_bytes") <= asJson.json().at("budget_bytes"));
    QCOMPARE(asJson.json().at("tensors").size(), std::size_t{74});
  }

  void refuses_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<int>("status");
    QTest::addColumn<QString>("says");
    const QString chat = m_chat;
    QTest::newRow("nothing to answer") << QStringList{"generate", chat} << 2 << "--prompt";
    QTest::newRow("ids that are none") << QStringList{"generate", chat, "--ids", "1,,2"} << 2 << "--ids";
    QTest::newRow("an id outside") << QStringList{"generate", chat, "--ids", "9999"} << 3 << "9999";
    QTest::newRow("an empty prompt") << QStringList{"generate", DELTASCOPE_TEST_DATA "/model/llama-mha", "--ids", ""} << 3
                                     << "prompt is empty";
    QTest::newRow("a cold temperature") << QStringList{"generate", chat, "--prompt", "a", "--temperature", "-1"} << 2
                                        << "temperature";
    QTest::newRow("no tokenizer") << QStringList{"generate", DELTASCOPE_TEST_DATA "/model/llama-mha", "--prompt", "a"} << 3
                                  << "or give token ids";
    QTest::newRow("a tiny budget") << QStringList{"generate", chat, "--prompt", "a", "--memory-budget", "1MiB"} << 3
                                   << "smallest that works";
    QTest::newRow("a size that is none") << QStringList{"generate", chat, "--prompt", "a", "--memory-budget", "lots"} << 2
                                         << "lots";
    QTest::newRow("no such model") << QStringList{"generate", "/nowhere", "--prompt", "a"} << 3 << "/nowhere";
    QTest::newRow("a payload without its base")
        << QStringList{"generate", DELTASCOPE_DEMO "/base.delta.safetensors", "--prompt", "a", "--raw"} << 3 << "--base";
    QTest::newRow("a prompt beyond the context")
        << QStringList{"generate", chat, "--prompt", QString("word ").repeated(50), "--context", "16"} << 3 << "context";
    QTest::newRow("logits without ids") << QStringList{"logits", chat, "--out", "x"} << 2 << "--ids";
  }

  void refuses() {
    QFETCH(QStringList, arguments);
    QFETCH(int, status);
    QFETCH(QString, says);
    const auto run = runCli(arguments + QStringList{"--quiet"}, m_folder.path());
    COMPARE_STATUS(run, status);
    QCOMPARE(run.errorLines().size(), 1);
    QVERIFY2(QString::fromUtf8(run.err).contains(says), run.err);
  }

  void noTemplateSuggestsRaw() {
    const QString folder = m_folder.filePath("untold");
    QVERIFY(QDir().mkpath(folder));
    for (const auto& file : QDir(m_chat).entryInfoList(QDir::Files))
      if (file.fileName() != "chat_template.jinja") QFile::link(file.absoluteFilePath(), folder + "/" + file.fileName());
    const auto run = runCli({"generate", folder, "--prompt", "a", "--quiet"});
    COMPARE_STATUS(run, 3);
    QVERIFY2(run.err.contains("--raw"), run.err);
    COMPARE_STATUS(runCli({"generate", folder, "--prompt", "a", "--raw", "--quiet", "--max-new-tokens", "2"}), 0);
  }

  void takesATemplateByItsName() {
    const QString folder = m_folder.filePath("several");
    QVERIFY(QDir().mkpath(folder + "/additional_chat_templates"));
    for (const auto& file : QDir(m_chat).entryInfoList(QDir::Files))
      QFile::link(file.absoluteFilePath(), folder + "/" + file.fileName());
    QFile bare(folder + "/additional_chat_templates/bare.jinja");
    QVERIFY(bare.open(QIODevice::WriteOnly) && bare.write("{{ messages[-1]['content'] }}") > 0);
    bare.close();
    const QStringList ask{"generate", folder, "--prompt", "What is NF4?", "--max-new-tokens", "1", "--quiet", "--json"};
    const auto usual = runCli(ask), named = runCli(ask + QStringList{"--template", "bare"});
    const auto ids = runCli({"tokenize", folder, "--text", "What is NF4?", "--no-special", "--json"});
    COMPARE_STATUS(named, 0);
    QCOMPARE(named.json().at("prompt_ids"), ids.json().at("ids"));
    QVERIFY(usual.json().at("prompt_ids") != ids.json().at("ids"));
    const auto other = runCli(ask + QStringList{"--template", "rag"});
    COMPARE_STATUS(other, 3);
    QVERIFY2(other.err.contains("has no chat template \"rag\""), other.err);
    COMPARE_STATUS(runCli(ask + QStringList{"--template", "bare", "--raw"}), 2);
  }

  void writesLogits() {
    const QString out = m_folder.filePath("logits.safetensors");
    const auto run = runCli({"logits", m_chat, "--ids", "8187,433,711", "--out", out, "--json", "--quiet"});
    COMPARE_STATUS(run, 0);
    const auto exact = runCli({"logits", m_packed, "--ids", "8187,433,711", "--out", out + "2", "--json", "--quiet"});
    COMPARE_STATUS(exact, 0);
    QCOMPARE(run.json().at("logits_hash"), exact.json().at("logits_hash"));
    QFile file(out);
    QVERIFY(file.open(QIODevice::ReadOnly));
    QVERIFY(file.read(300).contains("\"last_logits\""));
    QVERIFY(file.size() > 8192 * 4);
  }

  void interruptPrintsTheStatistics() {
    QProcess process;
    process.start(DELTASCOPE_CLI, {"generate", m_packed, "--prompt", "The kernel", "--raw", "--placement", "stream",
                                   "--ignore-eos", "--max-new-tokens", "2000", "--context", "2048"});
    QVERIFY(process.waitForStarted());
    QByteArray said;
    QTRY_VERIFY_WITH_TIMEOUT((said += process.readAllStandardOutput()).size() > 20, 30'000);
    QElapsedTimer timer;
    timer.start();
    QVERIFY(process.processId() > 0);
    kill(static_cast<pid_t>(process.processId()), SIGINT);
    QVERIFY(process.waitForFinished(10'000));
    QVERIFY2(timer.elapsed() < 2000, qPrintable(QString::number(timer.elapsed())));
    QCOMPARE(process.exitCode(), 130);
    const QByteArray err = process.readAllStandardError();
    QVERIFY2(err.contains("tokens/s") && err.contains("cancelled"), err);
  }

  /// A part of the protocol, by the numbers of its prompts.
  void provesThatDraftsForkNothing() {
    const QStringList asked{"selftest", "--protocol", "forks", "--passes", "2", "--widths", "2", "--tokens", "8"};
    const auto run = runCli(asked + QStringList{"--prompts", "2-3", "--json", "--quiet"});
    COMPARE_STATUS(run, 0);
    QCOMPARE(run.json().at("checks").size(), std::size_t{5});  // two widths, greedy and sampled, and that there were drafts
    for (std::size_t i = 0; i < 4; ++i)
      QVERIFY2(run.json().at("checks").at(i).at("detail").get<std::string>().starts_with("0 of 4 answers forked"), run.out);
    for (const char* range : {"0", "0-2", "3-2", "2-", "-2", "1-2-3", "x", "100001", ""}) {
      const auto refused = runCli(asked + QStringList{QString("--prompts=%1").arg(range), "--quiet"});
      COMPARE_STATUS(refused, 2);
      QVERIFY2(refused.err.contains("--prompts"), refused.err);
    }
  }

  void provesItself() {
    const auto run = runCli({"selftest", "--json", "--quiet"});
    COMPARE_STATUS(run, 0);
    QCOMPARE(run.json().at("passed"), json(true));
    QVERIFY(run.json().at("checks").size() > 100);
    const auto gpu = runCli({"selftest", "--device", "cuda:7", "--quiet"});
    COMPARE_STATUS(gpu, 3);
    QCOMPARE(gpu.errorLines().size(), 1);
  }
};

QTEST_GUILESS_MAIN(TestCliGenerate)
#include "test_cli_generate.moc"
