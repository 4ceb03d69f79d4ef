// SPDX-License-Identifier: Apache-2.0
#include <QTemporaryDir>

#include "core/base/units.h"
#include "tests/app/run_cli.h"
#include "tests/core/models/small_model.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

/// RFC 4180, read by the book: CRLF between records, quoted fields with doubled quotes.
std::vector<QStringList> parseCsv(const QByteArray& csv) {
  std::vector<QStringList> records(1);
  QByteArray field;
  bool quoted = false;
  for (qsizetype i = 0; i < csv.size(); ++i) {
    const char c = csv[i];
    if (quoted) {
      if (c != '"')
        field += c;
      else if (i + 1 < csv.size() && csv[i + 1] == '"')
        field += csv[++i];
      else
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',' || c == '\r') {
      records.back() << QString::fromUtf8(field);
      field.clear();
      if (c == '\r') {
        if (i + 1 == csv.size() || csv[i + 1] != '\n') return {};
        ++i;
        records.emplace_back();
      }
    } else {
      field += c;
    }
  }
  records.pop_back();
  return records;
}

}  // namespace

class TestCliInspect : public QObject {
  Q_OBJECT
  QTemporaryDir m_folder;
  QString place(const QString& name) const { return m_folder.filePath(name); }

 private slots:
  void initTestCase() {
    COMPARE_STATUS(runCli({"pack", "--final", DELTASCOPE_DEMO "/chat", "--quantize", "nf4", "--out", place("packed")}), 0);
    COMPARE_STATUS(runCli({"pack", "--base", DELTASCOPE_DEMO "/chat", "--adapter", DELTASCOPE_DEMO "/lora-pirate", "--out",
                           place("lora.delta.safetensors")}),
                   0);
  }

  void theTablesAgree_data() {
    QTest::addColumn<QString>("path");
    QTest::addColumn<QString>("kind");
    QTest::newRow("packed model") << place("packed") << "packed model";
    QTest::newRow("payload") << place("lora.delta.safetensors") << "payload";
    QTest::newRow("checkpoint") << DELTASCOPE_DEMO "/chat"
                                << "checkpoint";
  }
  void theTablesAgree() {
    QFETCH(QString, path);
    QFETCH(QString, kind);
    const auto asJson = runCli({"inspect", path, "--json"}), asCsv = runCli({"inspect", path, "--csv"}),
               asText = runCli({"inspect", path});
    COMPARE_STATUS(asJson, 0);
    COMPARE_STATUS(asCsv, 0);
    COMPARE_STATUS(asText, 0);
    const auto json = asJson.json();
    QCOMPARE(QString::fromStdString(json["kind"].get<std::string>()), kind);
    const auto records = parseCsv(asCsv.out);
    QCOMPARE(records.size(), json["tensors"].size() + 1);
    const QStringList head{"name",         "shape",           "dtype",      "elements",  "sparsity", "codec", "base_bytes",
                           "stored_bytes", "bits_per_weight", "ratio",      "layer",     "kind",     "base",  "patches",
                           "raw_tiles",    "chunks",          "final_hash", "base_hash", "verdict"};
    QCOMPARE(records[0], head);

    std::uint64_t elements = 0, stored = 0, base = 0, final = 0;
    const QString text = QString::fromUtf8(asText.out);
    for (std::size_t i = 0; i < json["tensors"].size(); ++i) {
      const auto& row = json["tensors"][i];
      const QStringList& record = records[i + 1];
      QCOMPARE(record.size(), head.size());
      QStringList sides;
      for (const auto& side : row["shape"]) sides << QString::number(side.get<std::uint64_t>());
      QCOMPARE(record[0].toStdString(), row["name"].get<std::string>());
      QCOMPARE(record[1], sides.join('x'));
      QCOMPARE(record[2].toStdString(), row["dtype"].get<std::string>());
      QCOMPARE(record[5].toStdString(), row["codec"].get<std::string>());
      for (int column : {3, 6, 7}) QCOMPARE(record[column].toULongLong(), row[head[column].toStdString()].get<std::uint64_t>());
      for (int column : {4, 8, 9}) QCOMPARE(record[column].toDouble(), row[head[column].toStdString()].get<double>());
      QCOMPARE(record[12].toStdString(), row["base"].get<std::string>());
      if (kind != "checkpoint") {
        QCOMPARE(record[13].toULongLong(), row["patches"].get<std::uint64_t>());
        QCOMPARE(record[16].toStdString(), row["final_hash"].get<std::string>());
      }
      QCOMPARE(record[18], QString(kind == "checkpoint" ? "" : "not verified"));
      QVERIFY2(text.contains(record[0] + " "), qPrintable(record[0]));
      elements += row["elements"].get<std::uint64_t>();
      stored += row["stored_bytes"].get<std::uint64_t>();
      base += row["base_bytes"].get<std::uint64_t>();
      final += row["final_bytes"].get<std::uint64_t>();
      if (kind != "checkpoint") QVERIFY(!row["why"].get<std::string>().empty());
    }
    const auto& totals = json["totals"];
    QCOMPARE(totals["tensors"].get<std::size_t>(), json["tensors"].size());
    QCOMPARE(totals["elements"].get<std::uint64_t>(), elements);
    QCOMPARE(totals["stored_bytes"].get<std::uint64_t>(), stored);
    QCOMPARE(totals["base_bytes"].get<std::uint64_t>(), base);
    QCOMPARE(totals["final_bytes"].get<std::uint64_t>(), final);
    const double file = totals["file_bytes"];
    QCOMPARE(totals["bits_per_weight"].get<double>(), 8 * file / static_cast<double>(elements));
    // Of a packed model the base's whole files, whose headers the column does not count.
    const double baseFiles = totals["base_file_bytes"];
    QVERIFY(kind == "packed model" ? baseFiles > static_cast<double>(base) : baseFiles == static_cast<double>(base));
    QCOMPARE(totals["total_bits_per_weight"].get<double>(), 8 * (file + baseFiles) / static_cast<double>(elements));
    QVERIFY2(text.contains(QString::fromStdString(formatCount(elements))), qPrintable(text));
  }

  /// What the rows store and the header are the whole file.
  /// Where a tensor's base has other rows or another name, all three say so, and only there.
  void anotherBaseIsShown_data() {
    QTest::addColumn<int>("rows");
    QTest::addColumn<QString>("prefix");
    QTest::newRow("as the final") << 301 << "";
    QTest::newRow("other rows") << 310 << "";
    QTest::newRow("another name") << 301 << "module.";
    QTest::newRow("both") << 310 << "module.";
  }
  void anotherBaseIsShown() {
    QFETCH(int, rows);
    QFETCH(QString, prefix);
    const QTemporaryDir folder;
    const fs::path here = folder.path().toStdString();
    writeModel(here / "base", smallLlama());
    auto tensors = smallLlama();
    for (auto& tensor : tensors) {
      if (tensor.spec.name == "model.embed_tokens.weight")
        tensor = randomTensor(tensor.spec.name, DType::BF16, {static_cast<std::uint64_t>(rows), 64}, 9);
      tensor.spec.name = prefix.toStdString() + tensor.spec.name;
    }
    writeModel(here / "final", tensors);
    const QString out = folder.filePath("out.delta.safetensors");
    COMPARE_STATUS(runCli({"pack", "--base", "base", "--final", "final", "--out", out, "--quiet"}, folder.path()), 0);
    const auto json = runCli({"inspect", out, "--json"}).json();
    const auto records = parseCsv(runCli({"inspect", out, "--csv"}).out);
    const QString text = QString::fromUtf8(runCli({"inspect", out}).out);
    QStringList more;
    if (rows != 301) more << "base_shape";
    if (!prefix.isEmpty()) more << "base_name";
    QCOMPARE(records[0].mid(19), more);
    QCOMPARE(text.contains("base shape"), rows != 301);
    QCOMPARE(text.contains("base name"), !prefix.isEmpty());
    for (std::size_t i = 0; i < json["tensors"].size(); ++i) {
      const auto& row = json["tensors"][i];
      const auto name = row["name"].get<std::string>();
      QCOMPARE(prefix.toStdString() + row["base_name"].get<std::string>(), name);
      const bool embedding = name.ends_with("embed_tokens.weight");
      if (embedding) QCOMPARE(row["base_shape"].get<std::vector<int>>(), (std::vector<int>{301, 64}));
      if (!embedding) QCOMPARE(row["base_shape"], row["shape"]);
      if (rows != 301 && embedding) QCOMPARE(records[i + 1][19], QString("301x64"));
      if (!prefix.isEmpty()) QCOMPARE(records[i + 1].last().toStdString(), row["base_name"].get<std::string>());
    }
  }

  void storedBytesAndTheHeaderAreTheFile() {
    for (const char* name : {"packed/model.delta.safetensors", "lora.delta.safetensors"}) {
      const auto shown = runCli({"inspect", place(name), "--json"}).json();
      const auto totals = shown["totals"];
      QFile file(place(name));
      QVERIFY(file.open(QIODevice::ReadOnly));
      std::uint64_t header = 0;
      QCOMPARE(file.read(reinterpret_cast<char*>(&header), 8), 8);
      QCOMPARE(totals["file_bytes"].get<qint64>(), file.size());
      const auto told = totals["stored_bytes"].get<std::uint64_t>() + header + 8;
      const auto all = static_cast<std::uint64_t>(file.size());
      const auto companions = shown["companions"];  // compressed; each with a head and padding
      QVERIFY(told <= all);
      QVERIFY(all - told <= companions["bytes"].get<std::uint64_t>() + 32 * companions["files"].get<std::uint64_t>());
    }
  }

  void columnsAreAligned() {
    const auto text = QString::fromUtf8(runCli({"inspect", place("packed")}).out);
    const auto lines = text.split('\n');
    const auto head = std::ranges::find_if(lines, [](const QString& line) { return line.startsWith("name "); });
    QVERIFY(head != lines.end());
    qsizetype rows = 0;
    for (auto line = head; line != lines.end() && !line->isEmpty(); ++line, ++rows) QCOMPARE(line->size(), head->size());
    QCOMPARE(rows, 1 + 74 + 1);
  }

  void verboseExplainsEveryChoice() {
    const auto run = runCli({"inspect", place("packed"), "--verbose"});
    COMPARE_STATUS(run, 0);
    QVERIFY2(run.out.contains("model.layers.0.mlp.up_proj.weight: entropy: chosen from estimates"), run.out);
  }

  void aFullDiskUnderStandardOutputIsSaid() {
    QProcess process;
    process.setStandardOutputFile("/dev/full");
    process.start(DELTASCOPE_CLI, {"inspect", place("packed"), "--json"});
    QVERIFY(process.waitForFinished());
    QCOMPARE(process.exitCode(), 3);
    QVERIFY(process.readAllStandardError().contains("standard output"));
  }
};

QTEST_GUILESS_MAIN(TestCliInspect)
#include "test_cli_inspect.moc"
