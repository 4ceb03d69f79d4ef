// SPDX-License-Identifier: Apache-2.0
#include <QtTest>
#include <set>

#include "core/pack/choose.h"
#include "core/pack/work.h"
#include "tests/core/models/pack_helpers.h"

using namespace deltascope;
using namespace deltascope::test;

namespace {

CodecCandidate candidate(CodecId codec, double bytes, int shared = -1, std::uint64_t own = 0) {
  CodecCandidate c;
  c.codec = codec;
  c.bytes = bytes;
  c.shared = shared;
  c.modelBytes = own;
  return c;
}

std::vector<CodecId> choose(const std::vector<std::vector<CodecCandidate>>& tensors, std::vector<std::uint64_t> shared,
                            Prefer prefer = Prefer::Size) {
  std::vector<CodecId> codecs;
  const auto chosen = chooseCandidates(tensors, shared, prefer);
  for (std::size_t i = 0; i < tensors.size(); ++i) codecs.push_back(tensors[i][chosen[i]].codec);
  return codecs;
}

TensorInfo matrix(const char* name, std::vector<std::uint64_t> shape = {8, 8}, DType dtype = DType::BF16) {
  TensorInfo info;
  info.name = name;
  info.dtype = dtype;
  info.shape = std::move(shape);
  for (const auto side : info.shape) info.elements *= side;
  return info;
}

}  // namespace

class TestPackChoose : public QObject {
  Q_OBJECT
 private slots:
  void takesTheSmallest();
  void countsAModelOfItsOwn();
  void dropsASharedModelThatDoesNotPay();
  void keepsASharedModelThatPaysInAll();
  void keepsTheOnlyWay();
  void speedTakesTheFastestWithinTenPercent();
  void quantizesWhatBitsandbytesWould_data();
  void quantizesWhatBitsandbytesWould();
  void scalesAreCompleteBeforeTheirChunks_data();
  void scalesAreCompleteBeforeTheirChunks();
  void coversEveryElementOnce();
};

void TestPackChoose::takesTheSmallest() {
  QCOMPARE(choose({{candidate(CodecId::Raw, 100), candidate(CodecId::Zstd, 60), candidate(CodecId::Sparse, 61)}}, {}),
           std::vector{CodecId::Zstd});
}

void TestPackChoose::countsAModelOfItsOwn() {
  QCOMPARE(choose({{candidate(CodecId::Raw, 100), candidate(CodecId::LowRank, 0, -1, 99)}}, {}), std::vector{CodecId::LowRank});
  QCOMPARE(choose({{candidate(CodecId::Raw, 100), candidate(CodecId::LowRank, 0, -1, 101)}}, {}), std::vector{CodecId::Raw});
}

void TestPackChoose::dropsASharedModelThatDoesNotPay() {
  const std::vector one{candidate(CodecId::Raw, 100), candidate(CodecId::Entropy, 50, 0)};
  QCOMPARE(choose({one}, {51}), std::vector{CodecId::Raw});
  QCOMPARE(choose({one}, {49}), std::vector{CodecId::Entropy});
}

void TestPackChoose::keepsASharedModelThatPaysInAll() {
  const std::vector one{candidate(CodecId::Raw, 100), candidate(CodecId::Entropy, 50, 0)};
  QCOMPARE(choose({one, one}, {99}), (std::vector{CodecId::Entropy, CodecId::Entropy}));
  QCOMPARE(choose({one, one}, {101}), (std::vector{CodecId::Raw, CodecId::Raw}));
}

void TestPackChoose::keepsTheOnlyWay() {
  QCOMPARE(choose({{candidate(CodecId::Entropy, 50, 0)}}, {1000}), std::vector{CodecId::Entropy});
}

void TestPackChoose::speedTakesTheFastestWithinTenPercent() {
  const auto pick = [](double bitpack, double entropy) {
    return choose({{candidate(CodecId::Raw, 200), candidate(CodecId::Entropy, entropy), candidate(CodecId::Bitpack, bitpack)}},
                  {}, Prefer::Speed)
        .front();
  };
  QCOMPARE(pick(109, 100), CodecId::Bitpack);
  QCOMPARE(pick(111, 100), CodecId::Entropy);
  QCOMPARE(pick(100, 109), CodecId::Bitpack);
}

void TestPackChoose::quantizesWhatBitsandbytesWould_data() {
  QTest::addColumn<QString>("name");
  QTest::addColumn<bool>("linear");
  for (const char* name : {"model.layers.0.self_attn.q_proj.weight", "model.layers.11.mlp.gate_proj.weight",
                           "model.layers.0.mlp.shared_expert_gate.weight", "model.layers.3.self_attn.qkv_proj.weight",
                           "encoder.layer.0.attention.self.query.weight", "transformer.h.0.mlp.fc_in.weight",
                           "model.layers.0.mlp.shared_expert.up_proj.weight"})
    QTest::newRow(name) << QString(name) << true;
  for (const char* name :
       {"model.embed_tokens.weight", "lm_head.weight", "model.norm.weight", "model.layers.0.input_layernorm.weight",
        "transformer.wte.weight", "transformer.wpe.weight", "shared.weight", "score.weight", "model.layers.0.mlp.gate.weight",
        "embed_out.weight", "model.layers.0.block_sparse_moe.gate.weight", "bert.embeddings.word_embeddings.weight",
        "model.layers.0.self_attn.q_proj.bias", "model.layers.0.mlp.experts.7.w1.weight", "something"})
    QTest::newRow(name) << QString(name) << false;
}

void TestPackChoose::quantizesWhatBitsandbytesWould() {
  QFETCH(QString, name);
  QFETCH(bool, linear);
  const auto text = name.toStdString();
  const LinearLayers usual{std::string()};
  QCOMPARE(isQuantizedBy(PackScope::Linear, matrix(text.c_str()), usual), linear);
  QVERIFY(isQuantizedBy(PackScope::All, matrix(text.c_str()), usual));
  for (const auto scope : {PackScope::Linear, PackScope::All}) {
    QVERIFY(!isQuantizedBy(scope, matrix(text.c_str(), {64}), usual));
    QVERIFY(!isQuantizedBy(scope, matrix(text.c_str(), {64, 64, 3}), usual) || text.find("moe") != std::string::npos ||
            text.find("expert") != std::string::npos);
    QVERIFY(!isQuantizedBy(scope, matrix(text.c_str(), {0, 4}), usual));
    QVERIFY(!isQuantizedBy(scope, matrix(text.c_str(), {8, 8}, DType::F64), usual));
    QVERIFY(!isQuantizedBy(scope, matrix(text.c_str(), {8, 8}, DType::U8), usual));
  }
}

namespace {

/// Sources and plan of a small model with matrices of one, four and no chunks in between.
PackPlan planOf(const PackSources& sources) {
  PackPlan plan;
  plan.tensors.resize(sources.tensors().size());
  for (std::size_t i = 0; i < plan.tensors.size(); ++i)
    plan.tensors[i].chunkElements = chunkElementsFor(sources.tensors()[i].stats.elements, 64);
  return plan;
}

PackSources sourcesOf(const Workspace& space, QuantFormat format, bool doubleQuant) {
  writeModel(space.at("final"), llamaWithAMatrix(DType::BF16));
  PackRequest request;
  request.final = space.at("final");
  request.quantize = format;
  request.doubleQuant = doubleQuant;
  request.scope = PackScope::All;
  return take(PackSources::open(request));
}

}  // namespace

void TestPackChoose::scalesAreCompleteBeforeTheirChunks_data() {
  QTest::addColumn<int>("format");
  QTest::addColumn<int>("window");
  for (const auto format : {QuantFormat::Nf4, QuantFormat::Int8})
    for (const int window : {3, 4, 18, 130})
      QTest::newRow(qPrintable(QString("%1 %2").arg(static_cast<int>(format)).arg(window)))
          << static_cast<int>(format) << window;
}

void TestPackChoose::scalesAreCompleteBeforeTheirChunks() {
  QFETCH(int, format);
  QFETCH(int, window);
  const Workspace space;
  const auto sources = sourcesOf(space, static_cast<QuantFormat>(format), format != static_cast<int>(QuantFormat::Int8));
  const auto items = packItems(sources, planOf(sources), static_cast<std::size_t>(window), PackPass::Pack);
  std::map<std::uint32_t, std::size_t> lastScales;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].kind == PackItem::Kind::Scales) lastScales[items[i].tensor] = i;
    if (items[i].kind != PackItem::Kind::Chunk || !sources.needsScales(sources.tensors()[items[i].tensor])) continue;
    QVERIFY(lastScales.contains(items[i].tensor));
    // Item i starts when at least i − window + 1 items are written.
    QVERIFY(lastScales[items[i].tensor] + static_cast<std::size_t>(window) <= i);
  }
  QVERIFY(!lastScales.empty());
}

void TestPackChoose::coversEveryElementOnce() {
  const Workspace space;
  const auto sources = sourcesOf(space, QuantFormat::Int8, false);
  std::map<std::uint32_t, std::uint64_t> chunks, scales;
  std::uint32_t latest = 0;
  for (const auto& item : packItems(sources, planOf(sources), 4, PackPass::Pack)) {
    if (item.kind == PackItem::Kind::Nothing) continue;
    auto& reached = (item.kind == PackItem::Kind::Chunk ? chunks : scales)[item.tensor];
    QCOMPARE(item.first, reached);
    reached += item.count;
    if (item.kind != PackItem::Kind::Chunk) continue;
    QVERIFY(item.tensor >= latest);
    latest = item.tensor;
  }
  for (std::uint32_t t = 0; t < sources.tensors().size(); ++t) {
    const auto& tensor = sources.tensors()[t];
    QCOMPARE(chunks[t], tensor.stats.elements);
    QCOMPARE(scales[t], sources.needsScales(tensor) ? tensor.stats.shape[0] : 0u);
  }
}

QTEST_APPLESS_MAIN(TestPackChoose)
#include "test_pack_choose.moc"
