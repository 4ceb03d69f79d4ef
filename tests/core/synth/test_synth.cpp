// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "core/quant/codebook.h"
#include "core/synth/gauss.h"
#include "core/synth/shapes.h"
#include "core/synth/synth.h"
#include "tests/core/models/pack_helpers.h"

using namespace deltascope;
using namespace deltascope::test;

class TestSynth : public QObject {
  Q_OBJECT
 private slots:
  void numbersAreNormal();
  void numbersDependOnSeedTensorAndPositionOnly();
  void shapesMakeTheirModels_data();
  void shapesMakeTheirModels();
  void writesACheckpoint();
  void writesTheSameForAnyNumberOfThreads();
  void refuses_data();
  void refuses();
  void cancelLeavesNothing();
};

/// Moments of 2^22 numbers; the bounds are five standard errors.
void TestSynth::numbersAreNormal() {
  constexpr std::size_t n = 1 << 22;
  std::vector<float> values(n);
  gauss(gaussKey(1, "a"), 0, values);
  double sum = 0, squares = 0, cubes = 0, fourths = 0;
  std::array<std::size_t, 3> beyond{};
  for (const double x : values) {
    sum += x;
    squares += x * x;
    cubes += x * x * x;
    fourths += x * x * x * x;
    for (std::size_t i = 0; i < 3; ++i) beyond[i] += std::fabs(x) > static_cast<double>(i + 2);
  }
  const double root = std::sqrt(static_cast<double>(n));
  QVERIFY(std::fabs(sum / n) < 5 / root);
  QVERIFY(std::fabs(squares / n - 1) < 5 * std::sqrt(2.0) / root);
  QVERIFY(std::fabs(cubes / n) < 5 * std::sqrt(15.0) / root);
  QVERIFY(std::fabs(fourths / n - 3) < 5 * std::sqrt(96.0) / root);
  for (std::size_t i = 0; i < 3; ++i) {
    const double p = std::erfc(static_cast<double>(i + 2) / std::sqrt(2.0)), expected = p * n;
    QVERIFY(std::fabs(static_cast<double>(beyond[i]) - expected) < 5 * std::sqrt(expected));
  }
}

void TestSynth::numbersDependOnSeedTensorAndPositionOnly() {
  std::vector<float> whole(5 * kGaussBlock + 17), part(kGaussBlock), other(kGaussBlock);
  gauss(gaussKey(1, "a"), 0, whole);
  gauss(gaussKey(1, "a"), 2 * kGaussBlock, part);
  QVERIFY(std::equal(part.begin(), part.end(), whole.begin() + 2 * kGaussBlock));
  gauss(gaussKey(2, "a"), 2 * kGaussBlock, other);
  QVERIFY(other != part);
  gauss(gaussKey(1, "b"), 2 * kGaussBlock, other);
  QVERIFY(other != part);
  QVERIFY(!std::equal(part.begin(), part.end(), whole.begin()));
}

void TestSynth::shapesMakeTheirModels_data() {
  QTest::addColumn<quint64>("parameters");
  // As the models' cards say: parameters with tied embeddings counted once.
  QTest::newRow("llama-3.1-8b") << quint64{8'030'261'248};
  QTest::newRow("llama-3.1-70b") << quint64{70'553'706'496};
  QTest::newRow("llama-3.2-1b") << quint64{1'235'814'400};
  QTest::newRow("llama-3.2-3b") << quint64{3'212'749'824};
  QTest::newRow("mistral-7b") << quint64{7'248'023'552};
  QTest::newRow("qwen2.5-0.5b") << quint64{494'032'768};
  QTest::newRow("qwen2.5-1.5b") << quint64{1'543'714'304};
  QTest::newRow("qwen2.5-7b") << quint64{7'615'616'512};
  QTest::newRow("qwen3-0.6b") << quint64{596'049'920};
  QTest::newRow("qwen3-4b") << quint64{4'022'468'096};
  QTest::newRow("qwen3-8b") << quint64{8'190'735'360};
  QTest::newRow("qwen3-30b-a3b") << quint64{30'532'122'624};
  QTest::newRow("qwen3.5-35b-a3b") << quint64{34'660'610'688};  // the text part, without the heads that propose tokens
  QTest::newRow("qwen1.5-moe-a2.7b") << quint64{14'315'784'192};
  QTest::newRow("gpt-oss-20b") << quint64{20'914'757'184};
  QTest::newRow("qwen3.5-4b") << quint64{4'205'751'296};  // of the text; the head that proposes tokens is not made
  QTest::newRow("qwen3.5-9b") << quint64{8'953'803'264};
  QTest::newRow("gemma-4-e2b") << quint64{4'628'569'379};
  QTest::newRow("gemma-4-31b") << quint64{30'697'345'340};
  QTest::newRow("mixtral-8x7b") << quint64{46'702'792'704};
  QTest::newRow("gemma-2-2b") << quint64{2'614'341'888};
  QTest::newRow("gemma-2-9b") << quint64{9'241'705'984};
  QTest::newRow("gemma-3-1b") << quint64{999'885'952};
  QTest::newRow("gemma-3-4b") << quint64{3'880'263'168};  // the text part
  QTest::newRow("smollm2-135m") << quint64{134'515'008};
  QTest::newRow("tinyllama-1.1b") << quint64{1'100'048'384};
}

void TestSynth::shapesMakeTheirModels() {
  QFETCH(quint64, parameters);
  const auto* architecture = findArchitecture(QTest::currentDataTag());
  QVERIFY(architecture);
  quint64 count = 0;
  for (const auto& tensor : take(tensorsOf(*architecture, architecture->layers, DType::BF16))) {
    quint64 elements = 1;
    for (const auto side : tensor.shape) elements *= side;
    count += elements;
  }
  QCOMPARE(count, parameters);
}

void TestSynth::writesACheckpoint() {
  const Workspace space;
  SynthRequest request;
  request.arch = "smollm2-135m";
  request.layers = 1;
  request.std = 0.5;
  request.dtype = DType::F16;
  request.out = space.at("synth");
  const auto result = take(synth(request, {}));
  const auto checkpoint = take(Checkpoint::open(request.out));
  QCOMPARE(checkpoint.tensors().size(), result.tensors);
  QCOMPARE(checkpoint.totalBytes(), result.bytes);
  QCOMPARE(checkpoint.config()["num_hidden_layers"], 1);
  QCOMPARE(checkpoint.config()["torch_dtype"], "float16");
  const auto meanOf = [&](const char* name) {
    const auto* info = checkpoint.find(name);
    std::vector<float> values(info->elements);
    toFloat(info->dtype, take(checkpoint.readAll(*info)), values);
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
  };
  QVERIFY(std::fabs(meanOf("model.norm.weight") - 1) < 0.02);
  QVERIFY(std::fabs(meanOf("model.layers.0.mlp.up_proj.weight")) < 0.01);
}

void TestSynth::writesTheSameForAnyNumberOfThreads() {
  const Workspace space;
  SynthRequest request;
  request.arch = "smollm2-135m";
  request.layers = 1;
  for (const unsigned threads : {1u, 3u}) {
    request.out = space.at(std::to_string(threads));
    take(synth(request, withThreads(threads)));
  }
  QCOMPARE(difference(space.at("1"), space.at("3")), QString());
}

void TestSynth::refuses_data() {
  QTest::addColumn<QString>("says");
  QTest::newRow("llama-9") << QString("choose one of llama-3.1-8b");
  QTest::newRow("no layers") << QString("layers must be");
  QTest::newRow("not a number") << QString("positive number");
  QTest::newRow("integers") << QString("weights cannot be I8");
  QTest::newRow("exists") << QString("exists already");
  QTest::newRow("foreign") << QString("holds notes.txt");
}

void TestSynth::refuses() {
  QFETCH(QString, says);
  const Workspace space;
  const QString row = QTest::currentDataTag();
  SynthRequest request;
  request.out = space.at("out");
  if (row == "llama-9") request.arch = "llama-9";
  if (row == "no layers") request.layers = 0;
  if (row == "not a number") request.std = std::nan("");
  if (row == "integers") request.dtype = DType::I8;
  if (row == "exists") writeModel(request.out, smallLlama());
  if (row == "foreign") {
    fs::create_directory(request.out);
    take(writeTextFile(request.out / "notes.txt", "mine"));
    request.overwrite = true;
  }
  const auto before = space.files();
  const auto result = synth(request, {});
  QVERIFY(!result);
  QVERIFY2(QString::fromStdString(describe(result.error())).contains(says), describe(result.error()).c_str());
  QCOMPARE(space.files(), before);
}

void TestSynth::cancelLeavesNothing() {
  const Workspace space;
  SynthRequest request;
  request.arch = "qwen2.5-0.5b";
  request.out = space.at("out");
  std::stop_source stop;
  JobContext job = withThreads(2);
  job.stop = stop.get_token();
  job.progress = [&](const Progress& progress) {
    if (progress.bytesDone > 0) stop.request_stop();
  };
  const auto result = synth(request, job);
  QVERIFY(!result);
  QCOMPARE(result.error().code, ErrorCode::Cancelled);
  QVERIFY(space.files().empty());
}

QTEST_APPLESS_MAIN(TestSynth)
#include "test_synth.moc"
