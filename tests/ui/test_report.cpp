// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>
#include <QDir>
#include <QImage>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTemporaryDir>
#include <QtTest>
#include <thread>

#include "core/bench/record.h"
#include "tests/ui/generated_model.h"
#include "tests/ui/generated_run.h"
#include "tests/ui/warnings.h"
#include "ui/report/report.h"
#include "ui/report/report_data.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

struct Bench {
  QTemporaryDir folder;
  GeneratedEngine generated;
  ReportRequest request;

  explicit Bench(std::shared_ptr<Inspection> model = generatedModel(4)) {
    generated.model = std::move(model);
    request.engine = generated.engine();
    request.path = generated.model->files.path;
    request.base = generated.model->files.base;
    request.out = path("report");
    request.when = QDateTime(QDate(2026, 11, 23), QTime(14, 5));
    request.closeUps = 0;  // drawing takes most of the time
    request.benchmarks.clear();
    request.engine.benchmark = [this](const BenchmarkRequest& asked, const JobContext&,
                                      const BenchmarkHooks&) -> Result<BenchmarkRun> {
      benchmarked.push_back(asked);
      return asked.generate ? generatedGenerationRun() : generatedRun();
    };
  }
  /// Everything that a report has unless told otherwise.
  Bench& whole() {
    request.closeUps = ReportRequest().closeUps;
    return measured();
  }
  Bench& measured() {
    request.benchmarks = ReportRequest().benchmarks;
    return *this;
  }
  std::vector<BenchmarkRequest> benchmarked;
  QJsonObject json(const char* name) const { return QJsonDocument::fromJson(read(name)).object(); }
  QString page() const { return QString::fromUtf8(read("index.html")); }
  std::filesystem::path path(const char* name) const { return folder.filePath(name).toStdString(); }
  QByteArray read(const char* name) const {
    QFile file(QDir(QString::fromStdString(request.out.string())).filePath(name));
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
  }
  QStringList entries(const QString& name = {}) const {
    return QDir(folder.filePath(name)).entryList(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot);
  }
};

}  // namespace

class TestReport : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() { QLocale::setDefault(QLocale::c()); }
  void init() { failOnAnyWarning(); }

  void theFolderHoldsTablesChartsAndAPage() {
    Bench bench;
    bench.whole();
    const auto report = writeReport(bench.request, {});
    QVERIFY2(report, report ? "" : report.error().message.c_str());
    QCOMPARE(report->bitExact, std::optional(true));
    QCOMPARE(bench.entries(), QStringList{"report"});
    QStringList listed;
    for (const auto& file : report->files) {
      QVERIFY(std::filesystem::file_size(file) > 0);
      listed << QString::fromStdString(file.filename().string());
    }
    listed.sort();
    QStringList found = bench.entries("report");
    found.sort();
    QCOMPARE(found, listed);
    for (const char* name : {"index.html", "summary.json", "tensors.csv", "verdicts.csv", "heat-map-bits_per_weight.png",
                             "heat-map-sparsity.png", "bits-per-weight-by-layer.png", "bytes-by-codec.png", "histogram-1.png",
                             "map-1.png", "histogram-3.png", "benchmark-small-and-large.json", "benchmark-small-and-large.csv",
                             "benchmark-small-and-large-latency.png", "benchmark-small-and-large-saved.png",
                             "benchmark-generation.json", "benchmark-generation.csv", "benchmark-generation-tokens.png"})
      QVERIFY2(found.contains(name), name);
    std::map<std::string, Verdict> verdicts;
    for (const auto& tensor : bench.generated.model->tensors) {
      Verdict& verdict = verdicts[tensor.name];
      verdict.bitExact = true;
      verdict.elements = tensor.elements;
    }
    QCOMPARE(bench.read("tensors.csv"), QByteArray::fromStdString(toCsv(bench.generated.model->tensors, verdicts)));
  }

  void thePageNeedsNothingElse() {
    Bench bench;
    bench.whole();
    QVERIFY(writeReport(bench.request, {}));
    const QString page = QString::fromUtf8(bench.read("index.html"));
    QVERIFY(page.startsWith("<!DOCTYPE html>"));
    QVERIFY(!page.contains("http://") && !page.contains("https://"));
    QVERIFY(!page.contains("<script"));
    QCOMPARE(page.count("<img "), page.count("src=\"data:image/png;base64,"));
    QCOMPARE(page.count("<img "), bench.entries("report").filter(".png").size());
    QVERIFY(!page.contains("alt=\"\""));
    QVERIFY(page.contains("✓ bit-exact: "));
    QVERIFY(page.contains("deltascope --report"));
    QVERIFY(page.contains("Test processor, 2 threads"));
    QVERIFY(page.contains("self_attn.q_proj.weight"));
  }

  void chartsAreLightAndNotEmpty() {
    Bench bench;
    bench.whole();
    QVERIFY(writeReport(bench.request, {}));
    for (const QString& name : bench.entries("report").filter(".png")) {
      const QImage image(bench.folder.filePath("report/" + name));
      QVERIFY(image.width() >= 960);
      QCOMPARE(image.pixelColor(1, 1), QColor(Qt::white));
      QSet<QRgb> colours;
      for (int y = 0; y < image.height(); y += 2)
        for (int x = 0; x < image.width(); x += 2) colours.insert(image.pixel(x, y));
      QVERIFY2(colours.size() > 8, qPrintable(name));
    }
  }

  void theSummaryHasTheNumbers() {
    Bench bench;
    QVERIFY(writeReport(bench.request, {}));
    const QJsonObject json = QJsonDocument::fromJson(bench.read("summary.json")).object();
    const auto& t = bench.generated.model->totals;
    QCOMPARE(json["tool"].toString(), "deltascope");
    QCOMPARE(json["kind"].toString(), "packed model");
    QCOMPARE(json["tensors"].toInteger(), qint64(t.tensors));
    QCOMPARE(json["elements"].toInteger(), qint64(t.elements));
    QCOMPARE(json["payload_bits_per_weight"].toDouble(), t.payloadBitsPerWeight());
    QCOMPARE(json["total_bits_per_weight"].toDouble(), t.totalBitsPerWeight());
    QCOMPARE(json["bit_exact"].toBool(), true);
    QCOMPARE(json["elements_different"].toInteger(), 0);
    QCOMPARE(json["date"].toString(), "2026-11-23T14:05:00");
    QCOMPARE(json["files"].toArray().size(), bench.entries("report").size());
  }

  void differencesAreReportedNotHidden() {
    Bench bench;
    bench.generated.differing = "model.layers.1.mlp.up_proj.weight";
    const auto report = writeReport(bench.request, {});
    QVERIFY(report);
    QCOMPARE(report->bitExact, std::optional(false));
    const QString page = QString::fromUtf8(bench.read("index.html"));
    QVERIFY(page.contains("✕ not bit-exact: 1 of 38 tensors failed"));
    QVERIFY(page.contains("model.layers.1.mlp.up_proj.weight: 3 differ, first at 17"));
    QVERIFY(bench.read("verdicts.csv").contains("model.layers.1.mlp.up_proj.weight,false,196608,3,17,\r\n"));
    QCOMPARE(QJsonDocument::fromJson(bench.read("summary.json")).object()["bit_exact"].toBool(true), false);
  }

  void whatCannotBeVerifiedIsSaid_data() {
    QTest::addColumn<int>("kind");
    QTest::addColumn<QString>("why");
    QTest::newRow("checkpoint") << int(ModelFiles::Kind::Checkpoint) << "a plain checkpoint has no delta to verify";
    QTest::newRow("payload alone") << int(ModelFiles::Kind::Payload) << "the payload was given without its base";
  }
  void whatCannotBeVerifiedIsSaid() {
    QFETCH(int, kind);
    QFETCH(QString, why);
    Bench bench(generatedModel(2, static_cast<ModelFiles::Kind>(kind)));
    const auto report = writeReport(bench.request, {});
    QVERIFY(report);
    QVERIFY(!report->bitExact);
    const QJsonObject json = QJsonDocument::fromJson(bench.read("summary.json")).object();
    QVERIFY(json["bit_exact"].isNull());
    QCOMPARE(json["not_verified"].toString(), why);
    QVERIFY(!bench.entries("report").contains("verdicts.csv"));
  }

  void namesFromFilesAreText() {
    Bench bench;
    bench.generated.model->tensors[1].name = "<script>alert('x')</script>,\"quoted\"";
    bench.generated.model->facts["base"] = "<img src=x onerror=y>";
    QVERIFY(writeReport(bench.request, {}));
    const QString page = QString::fromUtf8(bench.read("index.html"));
    QVERIFY(!page.contains("<script"));
    QVERIFY(!page.contains("<img src=x"));
    QVERIFY(page.contains("&lt;script&gt;"));
    QVERIFY(bench.read("verdicts.csv").contains("\"<script>alert('x')</script>,\"\"quoted\"\"\",true,"));
  }

  void anEarlierReportIsReplaced() {
    Bench bench;
    QVERIFY(writeReport(bench.request, {}));
    bench.request.when = bench.request.when.addDays(1);
    const auto again = writeReport(bench.request, {});
    QVERIFY2(again, again ? "" : again.error().message.c_str());
    QVERIFY(bench.read("summary.json").contains("2026-11-24"));
    QCOMPARE(bench.entries(), QStringList{"report"});
  }

  void otherFilesAreNeverReplaced_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<QByteArray>("text");
    QTest::newRow("a thesis") << "thesis.tex" << QByteArray("years of work");
    QTest::newRow("a summary of something else")
        << "summary.json" << QByteArray("{\"tool\": \"other\", \"files\": [\"summary.json\"]}");
    QTest::newRow("broken JSON") << "summary.json" << QByteArray("{");
  }
  void otherFilesAreNeverReplaced() {
    QFETCH(QString, file);
    QFETCH(QByteArray, text);
    Bench bench;
    QDir(bench.folder.path()).mkdir("report");
    QFile other(bench.folder.filePath("report/" + file));
    QVERIFY(other.open(QIODevice::WriteOnly));
    other.write(text);
    other.close();
    const auto report = writeReport(bench.request, {});
    QVERIFY(!report);
    QCOMPARE(report.error().code, ErrorCode::InvalidArgument);
    QVERIFY(QString::fromStdString(report.error().message).contains(file));
    QCOMPARE(bench.read(qPrintable(file)), text);
    QCOMPARE(bench.entries("report"), QStringList{file});
  }

  void anAddedFileStopsTheReplacement() {
    Bench bench;
    QVERIFY(writeReport(bench.request, {}));
    QFile notes(bench.folder.filePath("report/notes.txt"));
    QVERIFY(notes.open(QIODevice::WriteOnly));
    notes.close();
    const auto report = writeReport(bench.request, {});
    QVERIFY(!report);
    QVERIFY(QString::fromStdString(report.error().message).contains("notes.txt"));
  }

  void anEmptyFolderIsFilled() {
    Bench bench;
    QDir(bench.folder.path()).mkdir("report");
    QVERIFY(writeReport(bench.request, {}));
    QVERIFY(bench.entries("report").contains("index.html"));
  }

  void aCancelLeavesNothing() {
    Bench bench;
    std::stop_source stop;
    JobContext job;
    job.stop = stop.get_token();
    job.progress = [&](const Progress& p) {
      if (p.phase == "drawing") stop.request_stop();
    };
    const auto report = writeReport(bench.request, job);
    QVERIFY(!report);
    QCOMPARE(report.error().code, ErrorCode::Cancelled);
    QVERIFY(bench.entries().isEmpty());
  }

  void anErrorOfTheEngineIsPassedOn() {
    Bench bench;
    bench.request.engine.verify = [](const VerifyRequest&, const JobContext&) -> Result<VerifyResult> {
      return fail(ErrorCode::Mismatch, "base.safetensors, tensor q: another model's");
    };
    const auto report = writeReport(bench.request, {});
    QVERIFY(!report);
    QCOMPARE(report.error().message, std::string("base.safetensors, tensor q: another model's"));
    QVERIFY(bench.entries().isEmpty());
  }

  void eachBenchmarkHasItsRecordTableAndSection() {
    Bench bench;
    bench.measured();
    bench.request.device = "cuda:0";
    bench.request.memoryBudget = 64 << 20;
    bench.request.repeat = 7;
    const auto report = writeReport(bench.request, {});
    QVERIFY(report && report->benchmarksPassed);
    QCOMPARE(bench.benchmarked.size(), std::size_t{2});
    for (const auto& asked : bench.benchmarked) {
      QCOMPARE(asked.model.path, bench.request.path);
      QCOMPARE(asked.model.base, bench.request.base);
      QCOMPARE(asked.model.device, std::string("cuda:0"));
      QCOMPARE(asked.model.memoryBudget, std::optional<std::uint64_t>(64 << 20));
      QCOMPARE(asked.repeat, 7u);
    }
    QCOMPARE(bench.benchmarked[0].generate, 0u);
    QCOMPARE(bench.benchmarked[1].generate, kBenchmarkTokens);
    QCOMPARE(bench.read("benchmark-small-and-large.csv"), QByteArray::fromStdString(toCsv(generatedRun())));
    QCOMPARE(bench.read("benchmark-generation.json"), QByteArray::fromStdString(toJsonText(generatedGenerationRun())));
    const QString page = bench.page();
    QVERIFY(page.contains("<h2>Benchmark: small-and-large</h2>") && page.contains("<h2>Benchmark: generation</h2>"));
    QVERIFY(page.contains("jit, 1 tensor: latency 1.10 ms against 0.188 ms resident, rebuild 1.40 GB/s, peak 3.00 MiB"));
    QVERIFY(page.contains("700 tokens/s against 760 resident"));
    QVERIFY(page.contains(" --device cuda:0 --memory-budget 67108864 --repeat 7\n"));
    const QJsonArray benchmarks = bench.json("summary.json")["benchmarks"].toArray();
    QCOMPARE(benchmarks.size(), 2);
    QCOMPARE(benchmarks[0]["state"].toString(), "complete");
    QCOMPARE(benchmarks[0]["passed"].toBool(), true);
    QCOMPARE(benchmarks[1]["file"].toString(), "benchmark-generation.json");
  }

  void noBenchmarkIsRunWhenNoneIsWanted() {
    Bench bench;
    QVERIFY(writeReport(bench.request, {}));
    QVERIFY(bench.benchmarked.empty());
    QVERIFY(!bench.page().contains("<h2>Benchmark"));
    QVERIFY(bench.page().contains(" --benchmark none\n"));
  }

  void aBenchmarkThatFailsFailsAlone() {
    Bench bench;
    bench.measured();
    bench.request.engine.benchmark = [](const BenchmarkRequest& asked, const JobContext&,
                                        const BenchmarkHooks&) -> Result<BenchmarkRun> {
      if (asked.generate) return fail(ErrorCode::Unsupported, "architecture of <mamba> is not known", "ask for another");
      BenchmarkRun run = generatedRun();
      run.rows.resize(1);
      run.state = BenchmarkState::Failed;
      run.reason = "the device vanished";
      return run;
    };
    const auto report = writeReport(bench.request, {});
    QVERIFY2(report, report ? "" : report.error().message.c_str());
    QCOMPARE(report->bitExact, std::optional(true));
    const QString page = bench.page();
    QVERIFY(page.contains("✕ partial: failed after 1 result: the device vanished; bit-exact: "));
    QVERIFY(page.contains("– not measured: architecture of &lt;mamba&gt; is not known"));
    QVERIFY(bench.entries("report").contains("benchmark-small-and-large.json"));
    QVERIFY(!bench.entries("report").contains("benchmark-generation.json"));
    const QJsonArray benchmarks = bench.json("summary.json")["benchmarks"].toArray();
    QCOMPARE(benchmarks[0]["state"].toString(), "failed");
    QVERIFY(benchmarks[1]["problem"].toString().startsWith("architecture of <mamba> is not known"));
  }

  void aBenchmarkThatIsNotExactIsTold() {
    Bench bench;
    bench.request.benchmarks = {BenchmarkPreset::OneLayer};
    bench.request.engine.benchmark = [](const auto&, const auto&, const auto&) -> Result<BenchmarkRun> {
      BenchmarkRun run = generatedRun();
      run.rows[1].bitExact = false;
      run.rows[1].elementsDifferent = 3;
      return run;
    };
    const auto report = writeReport(bench.request, {});
    QVERIFY(report);
    QVERIFY(!report->benchmarksPassed);
    QVERIFY(bench.page().contains("✕ not bit-exact: 1 of 4 checks failed; first embed_tokens jit: 3 of 2,097,152 differ"));
    QVERIFY(bench.page().contains(" --benchmark one-layer\n"));
  }

  void aCancelledBenchmarkCancels_data() {
    QTest::addColumn<bool>("begun");
    QTest::newRow("while it ran") << true;
    QTest::newRow("before it ran") << false;
  }
  void aCancelledBenchmarkCancels() {
    QFETCH(bool, begun);
    Bench bench;
    bench.measured();
    bench.request.engine.benchmark = [begun](const auto&, const auto&, const auto&) -> Result<BenchmarkRun> {
      if (!begun) return fail(ErrorCode::Cancelled, "cancelled");
      BenchmarkRun run = generatedRun();
      run.state = BenchmarkState::Cancelled;
      return run;
    };
    const auto report = writeReport(bench.request, {});
    QVERIFY(!report);
    QCOMPARE(report.error().code, ErrorCode::Cancelled);
    QVERIFY(bench.entries().isEmpty());
  }

  void findingsOfTheOldScriptsAreListed() {
    Bench bench(generatedModel(2, ModelFiles::Kind::Scripts));
    bench.measured();
    bench.generated.model->findings = {{"model.norm.weight", "chunks 0 to 63: the frames are <empty>"},
                                       {"lm_head", "is in the payload, but not in the base"}};
    const auto report = writeReport(bench.request, {});
    QVERIFY2(report, report ? "" : report.error().message.c_str());
    QVERIFY(bench.benchmarked.empty());
    const QString page = bench.page();
    QVERIFY(page.contains("<h2>Findings</h2>"));
    QVERIFY(page.contains("✕ model.norm.weight: chunks 0 to 63: the frames are &lt;empty&gt;"));
    QVERIFY(page.contains("– not measured: a payload of the old scripts cannot run; import converts it"));
    QCOMPARE(bench.read("findings.csv"), QByteArray("tensor,finding\r\n"
                                                    "model.norm.weight,chunks 0 to 63: the frames are <empty>\r\n"
                                                    "lm_head,\"is in the payload, but not in the base\"\r\n"));
    QCOMPARE(bench.json("summary.json")["findings"].toInteger(), 2);
    bench.generated.model->findings.clear();
    QVERIFY(writeReport(bench.request, {}));
    QVERIFY(bench.page().contains("– nothing wrong as far as the headers of its frames tell"));
    QVERIFY(!bench.entries("report").contains("findings.csv"));
  }

  void theOldScriptsAreVerifiedAgainstAFinal() {
    Bench bench(generatedModel(2, ModelFiles::Kind::Scripts));
    bench.request.final = "/models/final";
    bench.request.closeUps = 3;
    const auto report = writeReport(bench.request, {});
    QVERIFY(report);
    QCOMPARE(report->bitExact, std::optional(true));
    QCOMPARE(bench.generated.closeUps, 0);
  }

  void aWorkerCanWriteIt() {
    Bench bench;
    std::atomic<bool> done = false;
    bool written = false;
    std::thread worker([&] {
      written = writeReport(bench.request, {}).has_value();
      done = true;
    });
    QTRY_VERIFY_WITH_TIMEOUT(done, 20'000);
    worker.join();
    QVERIFY(written);
  }

  void representativesAreTheLargestOfEachKind() {
    const auto chosen = representativeTensors(generatedModel(3)->tensors, 3);
    QCOMPARE(chosen.size(), std::size_t{3});
    QCOMPARE(chosen[0].name, std::string("model.embed_tokens.weight"));
    QSet<QString> kinds;
    for (const auto& t : chosen) kinds.insert(QString::fromStdString(tensorRole(t.name).kind));
    QCOMPARE(kinds.size(), 3);
  }

  void pathsAreQuotedForTheShell_data() {
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("word");
    QTest::newRow("plain") << "/models/chat-1.0"
                           << "/models/chat-1.0";
    QTest::newRow("space") << "/my models"
                           << "'/my models'";
    QTest::newRow("quote") << "it's"
                           << "'it'\\''s'";
    QTest::newRow("dollar") << "$HOME"
                            << "'$HOME'";
  }
  void pathsAreQuotedForTheShell() {
    QFETCH(QString, path);
    QTEST(shellWord(path.toStdString()), "word");
  }
};

QTEST_MAIN(TestReport)
#include "test_report.moc"
