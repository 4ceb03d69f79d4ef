// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractItemModelTester>
#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include "ui/pack/estimate_model.h"
#include "ui/pack/pack_form.h"

using namespace deltascope;
using namespace deltascope::ui;

class TestPackForm : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase();
  void saysWhatIsMissingOrWrong_data();
  void saysWhatIsMissingOrWrong();
  void becomesARequest();
  void becomesACommandLine_data();
  void becomesACommandLine();
  void suggestsAnOutput();
  void comesBackFromJson();
  void toleratesForeignJson_data();
  void toleratesForeignJson();
  void estimateAddsUpByCodec();
  void estimateSaysItInOneLine();

 private:
  QTemporaryDir m_scratch;
  QString at(const QString& name) const { return m_scratch.filePath(name); }
};

void TestPackForm::initTestCase() {
  for (const char* folder : {"chat", "base", "lora", "full"}) QDir(m_scratch.path()).mkdir(folder);
  for (const char* file : {"full/x", "taken.delta.safetensors"}) {
    QFile made(at(file));
    QVERIFY(made.open(QIODevice::WriteOnly));
  }
}

void TestPackForm::saysWhatIsMissingOrWrong_data() {
  QTest::addColumn<PackForm>("form");
  QTest::addColumn<QStringList>("problems");
  QTest::addColumn<bool>("estimates");
  PackForm form;
  QTest::newRow("empty") << form << QStringList{"choose the final checkpoint", "choose where to write"} << false;
  form.final = at("nowhere");
  form.out = at("new");
  QTest::newRow("no such final") << form << QStringList{at("nowhere") + " does not exist"} << false;
  form.final = "org/model";
  QTest::newRow("a Hub id is the engine's business") << form << QStringList{} << true;
  form.final = at("chat");
  QTest::newRow("ready") << form << QStringList{} << true;
  form.out = at("full");
  QTest::newRow("output taken") << form << QStringList{"it is there already: tick Replace, or choose another name"} << true;
  form.overwrite = true;
  QTest::newRow("output taken, replace") << form << QStringList{} << true;
  form.out = form.final;
  QTest::newRow("output is the input") << form << QStringList{"the output must not be one of the inputs"} << true;
  form.mode = PackMode::OverBase;
  form.out = at("x.safetensors");
  QTest::newRow("no base, wrong suffix") << form
                                         << QStringList{"choose the base checkpoint",
                                                        "the name of a payload must end in .delta.safetensors"}
                                         << false;
  form.base = at("base");
  form.out = at("taken.delta.safetensors");
  form.overwrite = false;
  QTest::newRow("payload taken") << form << QStringList{"it is there already: tick Replace, or choose another name"} << true;
  form.mode = PackMode::Adapters;
  form.final.clear();
  form.out = at("new.delta.safetensors");
  QTest::newRow("no adapter") << form << QStringList{"add at least one adapter"} << false;
  form.adapters = QStringList{at("lora")};
  QTest::newRow("adapters need no final") << form << QStringList{} << true;
}

void TestPackForm::saysWhatIsMissingOrWrong() {
  QFETCH(PackForm, form);
  QFETCH(QStringList, problems);
  QFETCH(bool, estimates);
  QStringList found;
  for (const FormProblem& problem : problemsOf(form)) found << problem.text;
  QCOMPARE(found, problems);
  QCOMPARE(canEstimate(form), estimates);
}

void TestPackForm::becomesARequest() {
  PackForm form;
  form.final = at("chat") + "/";
  form.base = at("base");
  form.adapters = QStringList{at("lora")};
  form.quantize = QuantFormat::Int8;
  form.blocksize = 128;
  form.doubleQuant = true;
  form.out = at("out");
  const PackRequest quantized = requestOf(form);
  QCOMPARE(QString::fromStdString(quantized.final.string()), at("chat"));
  QVERIFY(quantized.base.empty() && quantized.adapters.empty());
  QCOMPARE(quantized.quantize, std::optional(QuantFormat::Int8));
  QCOMPARE(quantized.blocksize, 64u);  // of 4-bit formats only
  QVERIFY(!quantized.doubleQuant);
  form.quantize = QuantFormat::Fp4;
  QCOMPARE(requestOf(form).blocksize, 128u);
  QVERIFY(requestOf(form).doubleQuant);
  form.mode = PackMode::Adapters;
  form.codec = CodecId::LowRank;
  form.zstdLevel = 19;
  form.chunks = 8;
  form.prefer = Prefer::Speed;
  const PackRequest adapted = requestOf(form);
  QVERIFY(!adapted.quantize);
  QCOMPARE(adapted.adapters.size(), std::size_t{1});
  QCOMPARE(adapted.codec, std::optional(CodecId::LowRank));
  QCOMPARE(adapted.codecOptions.zstdLevel, 19);
  QCOMPARE(adapted.chunks, 8u);
  QCOMPARE(adapted.prefer, Prefer::Speed);
}

void TestPackForm::becomesACommandLine_data() {
  QTest::addColumn<PackForm>("form");
  QTest::addColumn<QString>("line");
  PackForm form;
  QTest::newRow("empty") << form << "deltascope-cli pack --quantize nf4 --verify --out OUT";
  form.final = "/m/chat";
  form.out = "/m/it's here";
  form.scope = PackScope::All;
  form.doubleQuant = true;
  form.blocksize = 128;
  form.codec = CodecId::Bitpack;
  form.threads = 2;
  form.overwrite = true;
  QTest::newRow("everything")
      << form
      << "deltascope-cli pack --final /m/chat --quantize nf4 --scope all --blocksize 128 --double-quant --codec bitpack "
         "--threads 2 --verify --overwrite --out '/m/it'\\''s here'";
  PackForm over;
  over.mode = PackMode::OverBase;
  over.final = "/m/a b";
  over.base = "org/base@main";
  over.out = "o.delta.safetensors";
  over.verify = false;
  QTest::newRow("over a base, not verified")
      << over << "deltascope-cli pack --final '/m/a b' --base org/base@main --out o.delta.safetensors";
  PackForm adapters;
  adapters.mode = PackMode::Adapters;
  adapters.base = "b";
  adapters.adapters = QStringList{"x", "y"};
  adapters.prefer = Prefer::Speed;
  adapters.chunks = 8;
  adapters.zstdLevel = 9;
  adapters.out = "o.delta.safetensors";
  QTest::newRow("adapters")
      << adapters
      << "deltascope-cli pack --base b --adapter x --adapter y --prefer speed --chunks 8 --zstd-level 9 --verify --out "
         "o.delta.safetensors";
}

void TestPackForm::becomesACommandLine() {
  QFETCH(PackForm, form);
  QFETCH(QString, line);
  QCOMPARE(commandLineOf(form), line);
}

void TestPackForm::suggestsAnOutput() {
  PackForm form;
  QCOMPARE(suggestedOutput(form), QString());
  form.final = at("chat");
  QCOMPARE(suggestedOutput(form), at("chat-nf4"));
  form.mode = PackMode::OverBase;
  QCOMPARE(suggestedOutput(form), QString());
  form.base = at("base");
  QCOMPARE(suggestedOutput(form), at("chat-over-base.delta.safetensors"));
  form.mode = PackMode::Adapters;
  form.adapters = QStringList{at("lora")};
  QCOMPARE(suggestedOutput(form), at("lora.delta.safetensors"));
}

void TestPackForm::comesBackFromJson() {
  PackForm form;
  form.mode = PackMode::Adapters;
  form.final = "f";
  form.base = "b";
  form.adapters = QStringList{"x", "y"};
  form.quantize = QuantFormat::Fp4;
  form.blocksize = 4096;
  form.doubleQuant = true;
  form.scope = PackScope::All;
  form.codec = CodecId::Sparse;
  form.prefer = Prefer::Speed;
  form.chunks = 7;
  form.zstdLevel = 22;
  form.threads = 3;
  form.out = "o";
  form.verify = false;
  QVERIFY(packFormFromJson(toJson(form)) == form);
  form.overwrite = true;  // never remembered: replacing is decided each time
  QVERIFY(!packFormFromJson(toJson(form)).overwrite);
}

void TestPackForm::toleratesForeignJson_data() {
  QTest::addColumn<QString>("text");
  QTest::newRow("empty") << "";
  QTest::newRow("not JSON") << "{{{";
  QTest::newRow("wrong types") << R"({"mode":"x","adapters":5,"blocksize":[],"codec":3,"final":{}})";
  QTest::newRow("out of range") << R"({"mode":-4,"blocksize":63,"chunks":64,"zstdLevel":3,"threads":-1})";
}

void TestPackForm::toleratesForeignJson() {
  QFETCH(QString, text);
  QVERIFY(packFormFromJson(text) == PackForm{});
}

namespace {

PackEstimate sampleEstimate() {
  PackEstimate estimate;
  estimate.tensors = 3;
  estimate.elements = 4000;
  estimate.finalBytes = 8000;
  estimate.baseBytes = 2250;
  estimate.payloadBytes = 3310;
  const auto add = [&](CodecId codec, std::uint64_t elements, std::uint64_t stored, float entropy, float bitpack) {
    TensorStats row;
    row.codec = codec;
    row.elements = elements;
    row.storedBytes = stored;
    row.estimate[static_cast<std::size_t>(CodecId::Entropy)] = entropy;
    row.estimate[static_cast<std::size_t>(CodecId::Bitpack)] = bitpack;
    estimate.rows.push_back(row);
  };
  add(CodecId::Entropy, 2000, 1650, 6.6f, 7.2f);
  add(CodecId::Entropy, 1000, 850, 6.8f, 7.5f);
  add(CodecId::Identical, 1000, 0, 0, 0);
  return estimate;
}

}  // namespace

void TestPackForm::estimateAddsUpByCodec() {
  EstimateModel model;
  const QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::QtTest);
  model.setEstimate(sampleEstimate());
  QCOMPARE(model.rowCount(), 3);
  const auto row = [&model](int r) {
    QStringList cells;
    for (int column = 0; column < EstimateModel::ColumnCount; ++column) cells << model.index(r, column).data().toString();
    return cells.join(" | ");
  };
  QCOMPARE(row(0), QString("entropy | 2 | 75.0 % | 6.67 | 2.44 KiB | 6.67"));
  QCOMPARE(row(1), QString("identical | 1 | 25.0 % | 0.00 | 0 B | –"));
  QCOMPARE(row(2), QString("bitpack | 0 | – | – | – | 7.30"));
  QCOMPARE(model.index(0, EstimateModel::Stored).data(EstimateModel::kSortRole).toULongLong(), 2500ULL);
  QCOMPARE(model.index(0, EstimateModel::Stored).data(Qt::ToolTipRole).toString(), QString("2,500 bytes"));
}

void TestPackForm::estimateSaysItInOneLine() {
  QCOMPARE(estimateSummary(sampleEstimate(), true),
           QString("7.81 KiB → 5.43 KiB: base 4.50 + delta 6.62 = 11.12 bits/weight, 30.5 % smaller than the final"));
  QCOMPARE(estimateSummary(sampleEstimate(), false),
           QString("7.81 KiB → 3.23 KiB: delta 6.62 bits/weight, 58.6 % smaller than the final"));
  QCOMPARE(estimateSummary({}, true), QString("There are no weights in it."));
}

QTEST_GUILESS_MAIN(TestPackForm)
#include "test_pack_form.moc"
