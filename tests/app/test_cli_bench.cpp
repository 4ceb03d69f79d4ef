// SPDX-License-Identifier: Apache-2.0
// bench and diff as a user calls them.
#include <signal.h>

#include <QElapsedTimer>
#include <QTemporaryDir>
#include <limits>

#include "tests/app/run_cli.h"

using namespace deltascope::test;
using nlohmann::json;

class TestCliBench : public QObject {
  Q_OBJECT
  QTemporaryDir m_folder;
  QString m_packed;
  const QString m_chat = DELTASCOPE_DEMO "/chat";

  [[nodiscard]] json readJson(const QString& name) const {
    QFile file(m_folder.filePath(name));
    return file.open(QIODevice::ReadOnly) ? json::parse(file.readAll().constData(), nullptr, false) : json();
  }

 private slots:
  void initTestCase() {
    m_packed = m_folder.filePath("packed");
    COMPARE_STATUS(runCli({"pack", "--final", m_chat, "--quantize", "nf4", "--scope", "all", "--out", m_packed, "--quiet"}), 0);
  }

  void measuresTheSmallAndTheLargeByDefault() {
    const auto run = runCli({"bench", m_packed, "--repeat", "2"});
    COMPARE_STATUS(run, 0);
    for (const char* said :
         {"input_layernorm", "embed_tokens", "jit", "stream", "additive", "bit-exact: 2,097,152 of 2,097,152"})
      QVERIFY2(run.out.contains(said), run.out);
    QVERIFY2(run.err.contains("opening"), run.err);
  }

  void printsTheKeysThatScriptsRead() {
    const auto run = runCli({"bench", m_packed, "--tensors", "model.layers.1.mlp.*", "--repeat", "2", "--mode", "jit", "--mode",
                             "static", "--no-baselines", "--json", "--quiet"});
    COMPARE_STATUS(run, 0);
    QVERIFY2(run.err.isEmpty(), run.err);
    const json result = run.json();
    QCOMPARE(result.at("runs").size(), std::size_t{6});
    for (const auto& row : result.at("runs")) {
      for (const char* key : {"tensor", "mode", "device", "layer_bytes", "latency_gt_ms", "latency_jit_ms", "overhead_ms",
                              "reconstruct_gb_per_s", "peak_memory_bytes", "memory_saved_bytes", "bit_exact", "output_norm"})
        QVERIFY2(row.contains(key) && !row.at(key).is_null(), key);
      QCOMPARE(row.at("bit_exact"), json(true));
      QVERIFY(row.at("output_norm").get<double>() > 0);
      QVERIFY(row.at("latency_gt_ms").get<double>() > 0 && row.at("latency_jit_ms").get<double>() > 0);
    }
    QCOMPARE(result.at("build").at("version").get<std::string>().substr(0, 2), std::string("0."));
    QVERIFY(!result.at("build").at("commit").get<std::string>().empty());
    QVERIFY(!result.at("machine").at("processor").get<std::string>().empty());
  }

  void generates() {
    const auto run = runCli({"bench", m_packed, "--prompt", "The kernel", "--generate", "6", "--repeat", "2", "--memory-budget",
                             "14MiB", "--json", "--quiet"});
    COMPARE_STATUS(run, 0);
    const json result = run.json();
    for (const json& row : {result, result.at("runs").at(0)})
      for (const char* key : {"prompt_ids", "ids", "text", "tokens_per_second", "time_to_first_token_ms", "peak_memory_bytes",
                              "stop_reason", "logits_hash"})
        QVERIFY2(row.contains(key), key);
    QCOMPARE(result.at("ids").size(), std::size_t{6});
    QVERIFY(result.at("peak_memory_bytes").get<std::uint64_t>() <= 14u << 20);
    const auto truth = runCli(
        {"generate", m_chat, "--prompt", "The kernel", "--raw", "--max-new-tokens", "6", "--ignore-eos", "--json", "--quiet"});
    QCOMPARE(result.at("logits_hash"), truth.json().at("logits_hash"));
    QCOMPARE(result.at("baselines").size(), std::size_t{2});
  }

  void generatesWithDraftsAndWithout() {
    const QStringList asked{"bench", m_packed, "--generate", "16", "--repeat", "2", "--mode", "jit", "--draft", "base"};
    const auto run = runCli(asked + QStringList{"--draft-tokens", "3", "--json", "--quiet"});
    COMPARE_STATUS(run, 0);
    const json result = run.json();
    for (const json& row : {result, result.at("runs").at(0)}) {
      QCOMPARE(row.at("draft"), json("base"));
      QVERIFY(row.at("drafted").get<int>() >= row.at("accepted").get<int>());
      QCOMPARE(row.at("exact_passes").get<int>() + row.at("accepted").get<int>(), 2 * 15);
      for (const char* key : {"acceptance", "tokens_per_exact_pass", "draft_ms", "verify_ms"})
        QVERIFY2(row.at(key).is_number(), key);
      QVERIFY(row.at("simulated_acceptance").is_null());
    }
    QCOMPARE(result.at("baselines").at(1).at("mode"), json("jit-undrafted"));
    QCOMPARE(result.at("baselines").at(1).at("logits_hash"), result.at("logits_hash"));
    const auto text = runCli(asked + QStringList{"--simulated-acceptance", "0.9", "--no-baselines", "--quiet"});
    COMPARE_STATUS(text, 0);
    for (const char* said : {"tokens/pass", "drafting ms", " simulated ", "drafts simulated to be right at 0.900"})
      QVERIFY2(text.out.contains(said), text.out);
  }

  void writesTheRecordAndTheTable() {
    const auto run = runCli({"bench", m_packed, "--tensors", "*.0.*q_proj*", "--repeat", "2", "--out", "run.json", "--csv",
                             "run.csv", "--name", "first", "--json", "--quiet"},
                            m_folder.path());
    COMPARE_STATUS(run, 0);
    QCOMPARE(readJson("run.json"), run.json());
    QCOMPARE(run.json().at("name"), json("first"));
    QFile csv(m_folder.filePath("run.csv"));
    QVERIFY(csv.open(QIODevice::ReadOnly));
    QVERIFY(csv.readAll().startsWith("tensor,mode,"));
  }

  void saysWhenSomethingIsNotExact() {
    const QString damaged = m_folder.filePath("damaged");
    QVERIFY(QDir().mkpath(damaged));
    for (const auto& file : QDir(m_packed).entryInfoList(QDir::Files))
      QFile::copy(file.absoluteFilePath(), damaged + "/" + file.fileName());
    QFile payload(damaged + "/model.delta.safetensors");
    QVERIFY(payload.open(QIODevice::ReadWrite));
    const qint64 size = payload.size();
    for (qint64 at = size / 2; at < size / 2 + 200'000; at += 5000) {
      payload.seek(at);
      char byte = 0;
      payload.getChar(&byte);
      payload.seek(at);
      payload.putChar(static_cast<char>(byte ^ 1));
    }
    payload.close();
    const auto run =
        runCli({"bench", damaged, "--preset", "whole-model", "--repeat", "1", "--no-baselines", "--mode", "jit", "--quiet"});
    COMPARE_STATUS(run, 1);
    QVERIFY2(run.out.contains("checksum"), run.out);
  }

  /// The record says that it is partial, and what it holds can be compared.
  void ctrlCKeepsWhatWasMeasured() {
    qint64 best = std::numeric_limits<qint64>::max();
    for (int attempt = 0; attempt < 5 && best > 200; ++attempt) {
      QProcess process;
      process.setWorkingDirectory(m_folder.path());
      process.start(DELTASCOPE_CLI, {"bench", m_packed, "--preset", "whole-model", "--repeat",
                                     QString::number(3000 / kPatience), "--out", "cut.json"});
      QByteArray err;
      QElapsedTimer clock;
      clock.start();
      while (!readJson("cut.json").is_object() || readJson("cut.json").at("runs").empty()) {
        QVERIFY(clock.elapsed() < kPatience * 60'000);
        QTest::qWait(20);
      }
      QCOMPARE(readJson("cut.json").at("state"), json("partial"));
      clock.restart();
      QVERIFY(process.processId() > 0);
      kill(static_cast<pid_t>(process.processId()), SIGINT);
      QVERIFY(process.waitForFinished(60'000));
      best = std::min(best, clock.elapsed());
      QCOMPARE(process.exitCode(), 130);
      err = process.readAllStandardError();
      QVERIFY2(err.contains("cancelled; what was measured is in cut.json"), err);
      const json kept = readJson("cut.json");
      QCOMPARE(kept.at("state"), json("cancelled"));
      QVERIFY(!kept.at("runs").empty());
      QFile::copy(m_folder.filePath("cut.json"), m_folder.filePath("kept.json"));
      QFile::remove(m_folder.filePath("cut.json"));
    }
    QVERIFY2(best <= 200, qPrintable(QString::number(best) + " ms"));
    const auto run = runCli({"diff", "kept.json", "kept.json"}, m_folder.path());
    COMPARE_STATUS(run, 0);
    QVERIFY2(run.out.contains("note: the first run is cancelled"), run.out);
  }

  void comparesRuns() {
    const auto bench = [&](const char* mode, const char* out) {
      return runCli({"bench", m_packed, "--tensors", "model.layers.0.mlp.*", "--mode", mode, "--repeat", "2", "--no-baselines",
                     "--out", out, "--quiet"},
                    m_folder.path());
    };
    COMPARE_STATUS(bench("jit", "a.json"), 0);
    COMPARE_STATUS(bench("jit,stream", "b.json"), 0);
    const auto same = runCli({"diff", "a.json", "a.json", "--json"}, m_folder.path());
    COMPARE_STATUS(same, 0);
    QCOMPARE(same.json().at("rows_differing"), json(0));
    const auto run =
        runCli({"diff", "a.json", "b.json", "--threshold", "1e4", "--json", "--differences-only"}, m_folder.path());
    COMPARE_STATUS(run, 0);
    const json difference = run.json();
    QCOMPARE(difference.at("rows_total"), json(6));
    QCOMPARE(difference.at("rows").size(), std::size_t{3});
    for (const auto& row : difference.at("rows")) QCOMPARE(row.at("side"), json("b"));
    const auto text = runCli({"diff", "a.json", "b.json"}, m_folder.path());
    COMPARE_STATUS(text, 0);
    QVERIFY2(text.out.contains("latency_jit_ms") && text.out.contains("only in b") && text.out.endsWith("rows differ\n"),
             text.out);
    const auto csv = runCli({"diff", "a.json", "b.json", "--csv"}, m_folder.path());
    QVERIFY2(csv.out.startsWith("tensor,mode,side,metric,a,b,absolute,relative,noise,verdict,remarks\r\n"), csv.out);
  }

  void comparesPayloads() {
    const QString other = m_folder.filePath("other");
    COMPARE_STATUS(runCli({"pack", "--final", m_chat, "--quantize", "nf4", "--codec", "bitpack", "--out", other, "--quiet"}),
                   0);
    const auto run = runCli({"diff", m_packed, other, "--json", "--differences-only"});
    COMPARE_STATUS(run, 0);
    QCOMPARE(run.json().at("kind"), json("payloads"));
    QVERIFY(run.json().at("rows_differing").get<int>() > 50);
    const auto text = runCli({"diff", m_packed, other});
    QVERIFY2(text.out.contains("codec entropy → bitpack"), text.out);
  }

  void refuses_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<int>("status");
    QTest::addColumn<QString>("says");
    QTest::newRow("no model") << QStringList{"bench"} << 2 << "PATH";
    QTest::newRow("no such model") << QStringList{"bench", "/nowhere"} << 3 << "/nowhere";
    QTest::newRow("no such weight") << QStringList{"bench", m_packed, "--tensors", "nothing"} << 3 << "no weight";
    QTest::newRow("a preset that is none") << QStringList{"bench", m_packed, "--preset", "all"} << 2 << "preset";
    QTest::newRow("two choices") << QStringList{"bench", m_packed, "--preset", "one-layer", "--tensors", "*"} << 2
                                 << "--preset";
    QTest::newRow("a mode that is none") << QStringList{"bench", m_packed, "--mode", "fast"} << 2 << "mode";
    QTest::newRow("a draft that is none") << QStringList{"bench", m_packed, "--generate", "4", "--draft", "oracle"} << 2
                                          << "draft";
    QTest::newRow("drafts of weights") << QStringList{"bench", m_packed, "--tensors", "*", "--draft", "auto"} << 3
                                       << "nothing is generated";
    QTest::newRow("how many drafts of none")
        << QStringList{"bench", m_packed, "--generate", "4", "--draft-tokens", "4"} << 2 << "--draft";
    QTest::newRow("simulated look-up")
        << QStringList{"bench", m_packed, "--generate", "4", "--draft", "lookup", "--simulated-acceptance", "0.5"} << 3
        << "only drafts of the base";
    QTest::newRow("no repetition") << QStringList{"bench", m_packed, "--repeat", "0"} << 2 << "repeat";
    QTest::newRow("no such GPU") << QStringList{"bench", m_packed, "--device", "cuda:7"} << 3 << "cuda:7";
    QTest::newRow("tensors on several devices")
        << QStringList{"bench", m_packed, "--device", "cpu,cpu"} << 3 << "on one device";
    QTest::newRow("no room") << QStringList{"bench",          m_packed,          "--tensors", "*embed*",
                                            "--no-baselines", "--memory-budget", "1MiB"}
                             << 3 << "nothing was measured";
    QTest::newRow("no room to generate") << QStringList{"bench",           m_packed, "--generate", "4",
                                                        "--memory-budget", "1MiB",   "--repeat",   "1"}
                                         << 3 << "smallest that works";
    QTest::newRow("an id outside") << QStringList{"bench", m_packed, "--ids", "999999", "--repeat", "1"} << 3 << "999999";
    QTest::newRow("nowhere to write") << QStringList{"bench", m_packed, "--out", "/nowhere/run.json"} << 3 << "/nowhere";
    QTest::newRow("one side") << QStringList{"diff", m_packed} << 2 << "B";
    QTest::newRow("a threshold that is none") << QStringList{"diff", m_packed, m_packed, "--threshold", "much"} << 2 << "much";
    QTest::newRow("a checkpoint") << QStringList{"diff", m_chat, m_chat} << 3 << "is a checkpoint";
    QTest::newRow("a foreign file") << QStringList{"diff", m_chat + "/config.json", m_chat + "/config.json"} << 3
                                    << "is no benchmark run";
    QTest::newRow("a run and a model") << QStringList{"diff", m_chat + "/config.json", m_packed} << 3 << "nothing in common";
    QTest::newRow("no such run") << QStringList{"diff", "/nowhere/a.json", "/nowhere/b.json"} << 3 << "/nowhere";
  }
  void refuses() {
    QFETCH(QStringList, arguments);
    QFETCH(int, status);
    QFETCH(QString, says);
    if (arguments[0] == "bench" && arguments.size() > 1) arguments << "--quiet";
    const auto run = runCli(arguments, m_folder.path());
    COMPARE_STATUS(run, status);
    QCOMPARE(run.errorLines().size(), 1);
    QVERIFY2(QString::fromUtf8(run.err).contains(says), run.err);
  }
};

QTEST_GUILESS_MAIN(TestCliBench)
#include "test_cli_bench.moc"
