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
#include "tests/ui/report_bench.h"
#include "tests/ui/warnings.h"
#include "ui/report/report_data.h"

using namespace deltascope;
using namespace deltascope::ui;

class TestReport : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() { QLocale::setDefault(QLocale::c()); }
  void init() { failOnAnyWarning(); }

  void theFolderHoldsTablesChartsAndAPage() {
    ReportBench bench;
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
    ReportBench bench;
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
    ReportBench bench;
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
    ReportBench bench;
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
    ReportBench bench;
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
    ReportBench bench(generatedModel(2, static_cast<ModelFiles::Kind>(kind)));
    const auto report = writeReport(bench.request, {});
    QVERIFY(report);
    QVERIFY(!report->bitExact);
    const QJsonObject json = QJsonDocument::fromJson(bench.read("summary.json")).object();
    QVERIFY(json["bit_exact"].isNull());
    QCOMPARE(json["not_verified"].toString(), why);
    QVERIFY(!bench.entries("report").contains("verdicts.csv"));
  }

  void namesFromFilesAreText() {
    ReportBench bench;
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
    ReportBench bench;
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
    ReportBench bench;
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
    ReportBench bench;
    QVERIFY(writeReport(bench.request, {}));
    QFile notes(bench.folder.filePath("report/notes.txt"));
    QVERIFY(notes.open(QIODevice::WriteOnly));
    notes.close();
    const auto report = writeReport(bench.request, {});
    QVERIFY(!report);
    QVERIFY(QString::fromStdString(report.error().message).contains("notes.txt"));
  }

  void anEmptyFolderIsFilled() {
    ReportBench bench;
    QDir(bench.folder.path()).mkdir("report");
    QVERIFY(writeReport(bench.request, {}));
    QVERIFY(bench.entries("report").contains("index.html"));
  }

  void aCancelLeavesNothing() {
    ReportBench bench;
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
    ReportBench bench;
    bench.request.engine.verify = [](const VerifyRequest&, const JobContext&) -> Result<VerifyResult> {
      return fail(ErrorCode::Mismatch, "base.safetensors, tensor q: another model's");
    };
    const auto report = writeReport(bench.request, {});
    QVERIFY(!report);
    QCOMPARE(report.error().message, std::string("base.safetensors, tensor q: another model's"));
    QVERIFY(bench.entries().isEmpty());
  }

  void findingsOfTheOldScriptsAreListed() {
    ReportBench bench(generatedModel(2, ModelFiles::Kind::Scripts));
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
    ReportBench bench(generatedModel(2, ModelFiles::Kind::Scripts));
    bench.request.final = "/models/final";
    bench.request.closeUps = 3;
    const auto report = writeReport(bench.request, {});
    QVERIFY(report);
    QCOMPARE(report->bitExact, std::optional(true));
    QCOMPARE(bench.generated.closeUps, 0);
  }

  void aWorkerCanWriteIt() {
    ReportBench bench;
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
