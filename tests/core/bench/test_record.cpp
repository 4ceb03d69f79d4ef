// SPDX-License-Identifier: Apache-2.0
// The run file: what is written is read back, anything else is refused in words.
#include <QtTest>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/bench/diff.h"
#include "core/bench/record.h"
#include "core/bench/run_figures.h"
#include "tests/core/bench/sample_run.h"

using namespace deltascope;
using namespace deltascope::test;

class TestRecord : public QObject {
  Q_OBJECT
 private slots:
  void readsWhatItWrote() {
    const BenchmarkRun run = sampleRun();
    const auto read = parseRun(toJsonText(run), "run.json");
    QVERIFY2(read, read ? "" : describe(read.error()).c_str());
    QVERIFY(toJson(*read) == toJson(run));
    QCOMPARE(read->rows.size(), std::size_t{2});
    QCOMPARE(read->rows[1].generation->text, run.rows[1].generation->text);
    QCOMPARE(read->memory.size(), std::size_t{2});
  }

  /// A file of this version stays readable: bench chat-nf4 --tensors '*.0.*q_proj*' --generate 4 --repeat 2 wrote it.
  void readsAnEarlierFile() {
    const auto run = readRun(std::filesystem::path(DELTASCOPE_TEST_DATA) / "bench" / "run.json");
    QVERIFY2(run, run ? "" : describe(run.error()).c_str());
    QVERIFY(run->state == BenchmarkState::Complete && run->passed());
    QCOMPARE(run->rows.size(), std::size_t{4});
    QCOMPARE(run->rows[3].generation->ids.size(), std::size_t{4});
    QCOMPARE(run->rows[1].usedMs.values.size(), std::size_t{2});
  }

  /// The first records held as own memory what the run accounted; that stays said, also when such a record is written again.
  void saysWhatAnEarlierFilesOwnMemoryIs() {
    const auto old = readRun(std::filesystem::path(DELTASCOPE_TEST_DATA) / "bench" / "run.json");
    QVERIFY(old && old->ownIsAccounted && !old->memory.empty() && old->memory.front().phase.empty());
    QVERIFY(!figuresOf(*old)[RunFigureId::OwnPeak].value);
    const auto again = parseRun(toJsonText(*old), "run.json");
    QVERIFY(again && again->ownIsAccounted);
    QCOMPARE(again->memory.front().own, old->memory.front().own);
    const auto fresh = parseRun(toJsonText(sampleRun()), "run.json");
    QVERIFY(fresh && !fresh->ownIsAccounted);
  }

  void keepsWhatIsMeasuredBesideTheRows() {
    BenchmarkRun run = sampleRun();
    run.memory[0].phase = "jit";
    run.memory[1].phase = kReference;
    run.ownPeakBytes = 777;
    run.chosen = 74;
    run.load = MachineLoad{1.5, 2.5, 2, 0.75, 1.25};
    run.rows[0].plannedPeakBytes = 9500;
    const auto read = parseRun(toJsonText(run), "run.json");
    QVERIFY2(read, read ? "" : describe(read.error()).c_str());
    QVERIFY(read->memory[0].phase == "jit" && read->memory[1].phase == kReference);
    QVERIFY(read->ownPeakBytes == 777 && read->chosen == 74 && read->rows[0].plannedPeakBytes == 9500);
    QVERIFY(read->load && read->load->others == 1.25 && read->load->processors == 2);
    QVERIFY(toJson(*read) == toJson(run));
  }

  void keepsWhatDraftsDid() {
    BenchmarkRun run = sampleRun();
    run.rows[1].generation->drafts->simulatedAcceptance = 0.94;
    const auto json = toJson(run).at("runs")[1];
    QCOMPARE(json.at("draft"), nlohmann::ordered_json("base"));
    QCOMPARE(json.at("simulated_acceptance"), nlohmann::ordered_json(0.94));
    QCOMPARE(json.at("drafted"), nlohmann::ordered_json(90));
    QCOMPARE(json.at("accepted"), nlohmann::ordered_json(60));
    QCOMPARE(json.at("exact_passes"), nlohmann::ordered_json(30));
    QCOMPARE(json.at("acceptance"), nlohmann::ordered_json(0.8));  // 60 of the 75 that were tried
    QCOMPARE(json.at("tokens_per_exact_pass"), nlohmann::ordered_json(3.0));
    QCOMPARE(json.at("draft_ms"), nlohmann::ordered_json(21.0));
    QCOMPARE(json.at("verify_ms"), nlohmann::ordered_json(81.0));
    const auto read = parseRun(toJsonText(run), "run.json");
    QVERIFY2(read, read ? "" : describe(read.error()).c_str());
    QVERIFY(toJson(*read) == toJson(run));
    const QStringList lines = QString::fromStdString(toCsv(run)).split("\r\n");
    QVERIFY2(lines[2].endsWith(",base,90,60,30,0.8,3,21,81,0.94"), qPrintable(lines[2]));
    QVERIFY2(lines[1].endsWith(",,,,,,,,,"), qPrintable(lines[1]));
    run.rows[1].generation->drafts.reset();  // an old record
    const auto old = parseRun(toJsonText(run), "run.json");
    QVERIFY(old && !old->rows[1].generation->drafts);
  }

  /// No digits that no clock told, in no file.
  void writesNoDust() {
    BenchmarkRun run = sampleRun();
    run.rows[0].usedMs.values = {0.00012200000000000001, 0.1 + 0.2};
    run.rows[0].residentMs.values = {0.7 - 0.1};
    const QRegularExpression dust("[.][0-9]*(0000000|9999999)[0-9]");
    for (const std::string& text :
         {toJsonText(run), toCsv(run), figuresCsv(figuresOf(run)), toCsv(compareRuns(run, run), true)})
      QVERIFY2(!QString::fromStdString(text).contains(dust), text.c_str());
  }

  void keepsWhatWasNotMeasured() {
    BenchmarkRun run = sampleRun();
    run.state = BenchmarkState::Running;
    run.budget = 0;
    run.copyBytesPerSecond = 0;
    run.rows[0].residentMs = {};
    run.rows[0].rebuildMs = {};
    run.rows[0].outputNorm = std::numeric_limits<double>::quiet_NaN();
    run.rows[1].generation->matchesResident.reset();
    const auto json = toJson(run);
    for (const char* key : {"latency_gt_ms", "overhead_ms", "reconstruct_gb_per_s", "output_norm"})
      QVERIFY2(json.at("runs")[0].at(key).is_null(), key);
    QCOMPARE(json.at("state"), nlohmann::ordered_json("partial"));
    const auto read = parseRun(toJsonText(run), "run.json");
    QVERIFY2(read, read ? "" : describe(read.error()).c_str());
    QVERIFY(read->state == BenchmarkState::Running && std::isnan(read->rows[0].outputNorm));
    QVERIFY(toJson(*read) == json);
  }

  void hasTheKeysThatScriptsRead() {
    const auto json = toJson(sampleRun());
    for (const char* key : {"tensor", "mode", "device", "layer_bytes", "latency_gt_ms", "latency_jit_ms", "overhead_ms",
                            "reconstruct_gb_per_s", "peak_memory_bytes", "memory_saved_bytes", "bit_exact", "output_norm"})
      QVERIFY2(json.at("runs")[0].contains(key), key);
    for (const char* key : {"prompt_ids", "ids", "text", "tokens_per_second", "time_to_first_token_ms", "peak_memory_bytes",
                            "stop_reason", "logits_hash"})
      QVERIFY2(json.at("runs")[1].contains(key), key);
    QCOMPARE(json.at("runs")[0].at("latency_jit_ms"), nlohmann::ordered_json(2.0));
    QCOMPARE(json.at("runs")[0].at("overhead_ms"), nlohmann::ordered_json(1.0));
    QCOMPARE(json.at("runs")[0].at("memory_saved_bytes"), nlohmann::ordered_json(1096));
    QCOMPARE(json.at("runs")[0].at("reconstruct_gb_per_s"), nlohmann::ordered_json(1e-6 * 4096 / 0.5));
  }

  void refuses_data() {
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QString>("says");
    const auto changed = [](const char* key, const nlohmann::ordered_json& value) {
      auto json = toJson(sampleRun());
      json[key] = value;
      return QByteArray::fromStdString(json.dump());
    };
    QTest::newRow("empty") << QByteArray() << "run.json";
    QTest::newRow("text") << QByteArray("hello") << "run.json";
    QTest::newRow("a list") << QByteArray("[]") << "is no benchmark run";
    QTest::newRow("an object") << QByteArray("{\"a\": 1}") << "is no benchmark run";
    QTest::newRow("another format") << changed("format", "other") << "is no benchmark run";
    QTest::newRow("a later version") << changed("version", 2) << "version 2";
    QTest::newRow("no version") << changed("version", nullptr) << "version null";
    QTest::newRow("an unknown state") << changed("state", "asleep") << "state";
    QTest::newRow("rows of no kind") << changed("runs", 7) << "runs";
    QTest::newRow("a row of no kind") << changed("runs", {1}) << "runs[0]";
    QTest::newRow("facts of no kind") << changed("machine", "here") << "machine";
    QTest::newRow("a setting of no kind") << changed("settings", {{"repeat", 5}}) << "settings.repeat";
    QTest::newRow("samples of no kind") << changed("memory", {{"source", "x"}, {"samples", {{1, 2}}}}) << "memory.samples";
  }
  void refuses() {
    QFETCH(QByteArray, text);
    QFETCH(QString, says);
    const auto read = parseRun(text.toStdString(), "run.json");
    QVERIFY(!read);
    QVERIFY2(describe(read.error()).find(says.toStdString()) != std::string::npos, describe(read.error()).c_str());
  }

  /// Every value of a sound run replaced by one of each other type, and left out: read or refused, nothing else.
  void survivesEveryWrongType() {
    const nlohmann::json sound = nlohmann::json::parse(toJsonText(sampleRun()));
    const nlohmann::json flat = sound.flatten();
    int refused = 0;
    for (const auto& [pointer, value] : flat.items())
      for (const nlohmann::json& other :
           {nlohmann::json(nullptr), nlohmann::json(-1), nlohmann::json("x"), nlohmann::json(true), nlohmann::json::array({1}),
            nlohmann::json(1e300), nlohmann::json(std::uint64_t{1} << 63)}) {
        nlohmann::json changed = sound;
        changed[nlohmann::json::json_pointer(pointer)] = other;
        const auto read = parseRun(changed.dump(), "run.json");
        refused += !read;
        if (read) QVERIFY(toJson(*read).is_object());
      }
    QVERIFY(refused > 500);
  }

  void survivesEveryTruncation() {
    const std::string text = toJsonText(sampleRun());
    for (std::size_t length = 0; length + 2 < text.size(); ++length)
      QVERIFY2(!parseRun(std::string_view(text).substr(0, length), "run.json"), qPrintable(QString::number(length)));
  }

  void writesRowsAsCsv() {
    BenchmarkRun run = sampleRun();
    run.rows[0].problem = "a, \"b\"";
    const QString csv = QString::fromStdString(toCsv(run));
    const QStringList lines = csv.split("\r\n");
    QCOMPARE(lines.size(), 5);
    QVERIFY(lines[0].startsWith("tensor,mode,baseline,device,") && lines[0].contains(",peak_memory_bytes,"));
    const auto columns = lines[0].count(',');
    QCOMPARE(lines[2].count(','), columns);
    QVERIFY(lines[1].contains(",\"a, \"\"b\"\"\","));
    QVERIFY(lines[3].contains(",additive,yes,"));
  }

  void statisticsOfRepetitions() {
    const Timings timings{{3, 1, 2, 10}};
    QCOMPARE(timings.median(), 2.5);
    QCOMPARE(timings.least(), 1.0);
    QCOMPARE(timings.most(), 10.0);
    QCOMPARE(timings.spread(), 4.75 - 1.75);
    QCOMPARE(Timings{}.median(), 0.0);
    QCOMPARE(Timings{{5}}.spread(), 0.0);
  }

  void passesOnlyWhatIsExactAndNotZero() {
    BenchmarkRun run = sampleRun();
    QVERIFY(run.passed());
    run.rows[0].outputNorm = 0;
    QVERIFY(!run.passed());
    run = sampleRun();
    run.rows[1].bitExact = false;
    QVERIFY(!run.passed());
    run = sampleRun();
    run.baselines[0].bitExact = false;
    QVERIFY2(run.passed(), "a baseline need not be exact");
    run.rows.clear();
    QVERIFY(!run.passed());
  }
};

QTEST_GUILESS_MAIN(TestRecord)
#include "test_record.moc"
