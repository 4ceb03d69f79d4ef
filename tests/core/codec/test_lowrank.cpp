// SPDX-License-Identifier: Apache-2.0
// lowrank: one definition of the merge on every instruction set, PEFT's own merges to the last bit, safe on any bytes.
#include <QtTest>
#include <cmath>

#include "core/checkpoint/checkpoint.h"
#include "core/codec/codecs.h"
#include "core/codec/lowrank_corrections.h"
#include "core/codec/lowrank_model.h"
#include "core/codec/lowrank_product.h"
#include "core/quant/quant.h"
#include "tests/core/codec/delta_harness.h"

using namespace deltascope;
using namespace deltascope::testing;

Q_DECLARE_METATYPE(deltascope::DType)

namespace {

constexpr DType kTypes[] = {DType::BF16, DType::F16, DType::F32};

Bytes randomFactor(DType type, std::size_t count, std::mt19937& random, bool wild = false) {
  std::normal_distribution<float> normal(0, 0.05f);
  Bytes bytes(count * bytesOf(type));
  for (std::size_t i = 0; i < count; ++i)
    putBits(type, bytes, i,
            wild && random() % 5 == 0 ? static_cast<std::uint32_t>(random()) : roundedBits(type, normal(random)));
  return bytes;
}

struct Shape {
  std::uint64_t rows, columns;
  bool transposed;
};

LowRankTerm makeTerm(const Shape& shape, DType type, std::uint64_t rank, float scale, std::mt19937& random, bool wild = false) {
  const auto in = shape.transposed ? shape.rows : shape.columns, out = shape.transposed ? shape.columns : shape.rows;
  return {type, rank, scale, randomFactor(type, rank * in, random, wild), randomFactor(type, out * rank, random, wild)};
}

float at(DType type, const Bytes& bytes, std::size_t i) {
  float value = 0;
  toFloat(type, std::span(bytes).subspan(i * bytesOf(type), bytesOf(type)), {&value, 1});
  return value;
}

/// The definition in lowrank.h, word for word.
Bytes reference(const Shape& shape, const std::vector<LowRankTerm>& terms, const DeltaPair& pair) {
  Bytes result = pair.base;
  const auto in = shape.transposed ? shape.rows : shape.columns;
  for (const auto& term : terms)
    for (std::uint64_t row = 0; row < shape.rows; ++row)
      for (std::uint64_t column = 0; column < shape.columns; ++column) {
        const auto o = shape.transposed ? column : row, i = shape.transposed ? row : column;
        float acc = 0;
        for (std::uint64_t r = 0; r < term.rank; ++r)
          acc = std::fma(at(term.dtype, term.b, o * term.rank + r), at(term.dtype, term.a, r * in + i), acc);
        const auto element = row * shape.columns + column;
        const float product = term.scale * acc;
        float sum = at(pair.type, result, element) + product;
        if (std::isnan(sum)) sum = std::bit_cast<float>(0x7fc00000u);
        fromFloat(pair.type, {&sum, 1}, std::span(result).subspan(element * bytesOf(pair.type), bytesOf(pair.type)));
      }
  return result;
}

Bytes tensor(const std::filesystem::path& path, std::string_view name) {
  const auto checkpoint = Checkpoint::open(path);
  if (!checkpoint) qFatal("%s", describe(checkpoint.error()).c_str());
  const auto* info = checkpoint->find(name);
  if (!info) qFatal("no tensor %s", std::string(name).c_str());
  return checkpoint->readAll(*info).value();
}

}  // namespace

class TestLowRank : public QObject {
  Q_OBJECT

  ModelPtr m_model;  ///< 48 × 100, two terms
  DeltaPair m_pair;

 private slots:
  void initTestCase() {
    std::mt19937 random(11);
    const Shape shape{48, 100, false};
    m_model = makeLowRankModel(48, 100, false,
                               {makeTerm(shape, DType::F32, 8, 2.0f, random), makeTerm(shape, DType::BF16, 3, 0.5f, random)})
                  .value();
    m_pair = gaussianPair(DType::BF16, 4800, 1e-3f);
  }

  void appliesTheDefinition_data() {
    QTest::addColumn<DType>("type");
    QTest::addColumn<DType>("factors");
    QTest::addColumn<quint64>("rows");
    QTest::addColumn<quint64>("columns");
    QTest::addColumn<bool>("transposed");
    QTest::addColumn<quint64>("rank");
    QTest::addColumn<bool>("wild");
    for (const auto type : kTypes)
      for (const auto factors : kTypes)
        for (const bool transposed : {false, true})
          for (const bool wild : {false, true})
            for (const auto& [rows, columns, rank] : {std::tuple{1, 1, 1}, {5, 33, 7}, {9, 47, 8}, {3, 1050, 2}, {64, 16, 16}})
              QTest::addRow("%s, factors %s, %dx%d%s rank %d%s", nameOf(type).data(), nameOf(factors).data(), rows, columns,
                            transposed ? " transposed" : "", rank, wild ? " wild" : "")
                  << type << factors << quint64(rows) << quint64(columns) << transposed << quint64(rank) << wild;
  }
  void appliesTheDefinition() {
    QFETCH(DType, type);
    QFETCH(DType, factors);
    QFETCH(quint64, rows);
    QFETCH(quint64, columns);
    QFETCH(bool, transposed);
    QFETCH(quint64, rank);
    QFETCH(bool, wild);
    std::mt19937 random(static_cast<std::uint32_t>(rows * 131 + columns));
    const Shape shape{rows, columns, transposed};
    const std::vector terms{makeTerm(shape, factors, rank, 2.0f, random, wild), makeTerm(shape, factors, 1, 0.3f, random)};
    const auto pair = wild ? wildPair(type, rows * columns, 3) : gaussianPair(type, rows * columns, 0);
    const auto model = makeLowRankModel(rows, columns, transposed, terms);
    QVERIFY(model);
    const auto stored = lowRankCodec().parseModel((*model)->serialize());
    QVERIFY(stored);
    const auto expected = reference(shape, terms, pair);
    for (const auto isa : kernels::supportedIsas()) {
      const ExactBuffer into(pair.base);
      QVERIFY(applyLowRank(dynamic_cast<const LowRankModel&>(**stored), sameSlice(pair), into.bytes(), isa));
      for (std::size_t i = 0; i < expected.size(); ++i)
        if (into.bytes()[i] != expected[i]) QFAIL(qPrintable(QString("%1, byte %2").arg(nameOf(isa)).arg(i)));
    }
  }

  void appliesToAnyRange() {
    const DeltaPair pair = gaussianPair(DType::BF16, 3 * 5000, 0);
    std::mt19937 random(3);
    const Shape shape{3, 5000, false};
    const auto model = makeLowRankModel(3, 5000, false, {makeTerm(shape, DType::F32, 4, 1.5f, random)}).value();
    Bytes whole(pair.final.size());
    QVERIFY(applyLowRank(*model, sameSlice(pair), whole));
    for (std::size_t first = 0; first < pair.count(); first += kTileElements)
      for (const std::size_t want : {0, 1, 903, 904, 905, 4096, 12000}) {
        const auto count = std::min(want, pair.count() - first);
        auto slice = sameSlice(pair, first);
        slice.count = count;
        slice.values = slice.values.subspan(first * 2, count * 2);
        const ExactBuffer into(Bytes(count * 2));
        QVERIFY(applyLowRank(*model, slice, into.bytes()));
        QVERIFY(count == 0 || std::memcmp(into.bytes().data(), whole.data() + first * 2, count * 2) == 0);
      }
  }

  void givesPeftsMergeBack_data() {
    QTest::addColumn<QString>("merge");
    QTest::addColumn<quint64>("corrections");
    QTest::newRow("FP32, nothing to correct") << "merged_in_fp32" << quint64{0};
    QTest::newRow("BF16, factors and update rounded first") << "merged_in_bf16" << quint64{9816};
  }
  void givesPeftsMergeBack() {
    QFETCH(QString, merge);
    QFETCH(quint64, corrections);
    const std::filesystem::path demo = DELTASCOPE_DEMO, data = DELTASCOPE_TEST_DATA;
    const std::string name = "model.layers.0.self_attn.q_proj";
    const DeltaPair pair{DType::BF16, tensor(demo / "chat", name + ".weight"),
                         tensor(data / "codec/lowrank.safetensors", name + ".weight." + merge.toStdString())};
    const auto adapter = demo / "lora-pirate";
    const auto model = makeLowRankModel(256, 256, false,
                                        {{DType::F32, 8, 2.0f, tensor(adapter, "base_model.model." + name + ".lora_A.weight"),
                                          tensor(adapter, "base_model.model." + name + ".lora_B.weight")}})
                           .value();
    QVERIFY(model->serialize().size() * 100 <= 16384 * 102);
    Bytes out;
    const auto stats = lowRankCodec().encode(sameSlice(pair), pair.final, model.get(), {}, out);
    QVERIFY(stats);
    QCOMPARE(stats->patches, corrections);
    if (corrections == 0) QVERIFY(out.empty());
    QVERIFY2(out.size() * 8 <= corrections * 7, qPrintable(QString::number(out.size())));
    const auto wrong = roundTrip(lowRankCodec(), sameSlice(pair), pair.final, model.get());
    QVERIFY2(wrong.empty(), wrong.c_str());
  }

  void correctsEveryPattern_data() {
    QTest::addColumn<uint>("base");
    for (const uint base : {0x0000u, 0x8000u, 0x7fc1u, 0x7f80u, 0xffffu, 0x3c00u}) QTest::addRow("0x%04x", base) << base;
  }
  void correctsEveryPattern() {
    QFETCH(uint, base);
    std::mt19937 random(2);
    const auto model = makeLowRankModel(256, 256, false, {makeTerm({256, 256, false}, DType::F32, 2, 1, random)}).value();
    for (const auto type : {DType::BF16, DType::F16})
      for (const bool moving : {false, true}) {
        const auto pair = everyPattern(type, base, moving);
        const auto wrong = roundTrip(lowRankCodec(), sameSlice(pair), pair.final, model.get());
        QVERIFY2(wrong.empty(), wrong.c_str());
      }
  }

  void correctsEverySize_data() {
    QTest::addColumn<DType>("type");
    QTest::addColumn<int>("count");
    for (const auto type : kTypes)
      for (const int count : {0, 1, 2, 4095, 4096, 4097, 9000})
        QTest::addRow("%s %d", nameOf(type).data(), count) << type << count;
  }
  void correctsEverySize() {
    QFETCH(DType, type);
    QFETCH(int, count);
    std::mt19937 random(2);
    const auto model = makeLowRankModel(90, 100, false, {makeTerm({90, 100, false}, DType::F16, 2, 1, random)}).value();
    for (const auto& pair : {wildPair(type, std::size_t(count), 1), gaussianPair(type, std::size_t(count), 1e-3f)}) {
      const auto wrong = roundTrip(lowRankCodec(), sameSlice(pair), pair.final, model.get());
      QVERIFY2(wrong.empty(), wrong.c_str());
    }
  }

  // Gaps longer than one unary word, and the largest distances: what sparse data does not reach by chance.
  void correctsFarAndWide() {
    for (const unsigned size : {2u, 4u}) {
      Bytes applied(400000 * size), final = applied;
      for (const std::size_t i : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 399999})
        for (unsigned b = 0; b < size; ++b)
          final[i * size + b] = static_cast<std::byte>(b + 1 == size ? 0xff : i & 1 ? 0xff : 0x80);
      Bytes chunk;
      const auto stats = encodeCorrections(size, applied, final, chunk);
      QCOMPARE(stats.patches, std::uint64_t{15});
      QVERIFY(decodeCorrections(size, chunk, applied.size() / size, 0, applied));
      QVERIFY(applied == final);
    }
  }

  void refusesWhatDoesNotFit_data() {
    QTest::addColumn<quint64>("rank");
    QTest::addColumn<int>("a");
    QTest::addColumn<int>("b");
    QTest::addColumn<float>("scale");
    QTest::addColumn<DType>("type");
    QTest::newRow("rank 0") << quint64{0} << 0 << 0 << 1.0f << DType::F32;
    QTest::newRow("short A") << quint64{2} << 36 << 24 << 1.0f << DType::F32;
    QTest::newRow("long B") << quint64{2} << 40 << 28 << 1.0f << DType::F32;
    QTest::newRow("type F64") << quint64{1} << 40 << 24 << 1.0f << DType::F64;
    QTest::newRow("huge rank") << (quint64{1} << 62) << 0 << 0 << 1.0f << DType::F32;
    QTest::newRow("scale not finite") << quint64{2} << 40 << 24 << std::numeric_limits<float>::infinity() << DType::F32;
    QTest::newRow("type I32") << quint64{2} << 40 << 24 << 1.0f << DType::I32;
  }
  void refusesWhatDoesNotFit() {
    QFETCH(quint64, rank);
    QFETCH(int, a);
    QFETCH(int, b);
    QFETCH(float, scale);
    QFETCH(DType, type);
    const auto model = makeLowRankModel(3, 5, false, {{type, rank, scale, Bytes(std::size_t(a)), Bytes(std::size_t(b))}});
    QVERIFY(!model);
    QVERIFY(model.error().message.find("term 0") != std::string::npos);
  }

  void refusesARangeOutsideTheUpdate() {
    auto slice = sameSlice(m_pair, kTileElements);
    Bytes into(m_pair.final.size()), out;
    QCOMPARE(applyLowRank(*m_model, slice, into).error().code, ErrorCode::Mismatch);
    QCOMPARE(lowRankCodec().encode(sameSlice(m_pair), m_pair.final, nullptr, {}, out).error().code, ErrorCode::InvalidArgument);
    QCOMPARE(lowRankCodec().decode(sameSlice(m_pair), out, nullptr, into).error().code, ErrorCode::InvalidArgument);
  }

  void modelsSurviveDamage() {
    std::mt19937 random(11);
    const Shape shape{6, 10, true};
    const auto model =
        makeLowRankModel(6, 10, true,
                         {makeTerm(shape, DType::F32, 2, 2.0f, random), makeTerm(shape, DType::F16, 1, 0.5f, random)})
            .value();
    const auto bytes = model->serialize();
    const auto again = lowRankCodec().parseModel(bytes);
    QVERIFY(again);
    QVERIFY((*again)->serialize() == bytes);
    const auto wrong = modelSurvivesDamage(lowRankCodec(), bytes);
    QVERIFY2(wrong.empty(), wrong.c_str());
  }

  void chunksSurviveDamage() {
    Bytes applied(m_pair.final.size());
    QVERIFY(applyLowRank(*m_model, sameSlice(m_pair), applied));
    std::mt19937 random(4);
    for (const unsigned every : {1u, 5u, 200u}) {
      Bytes final = applied;
      for (std::size_t i = 0; i < m_pair.count(); i += every) final[2 * i] ^= static_cast<std::byte>(random() % 4);
      Bytes chunk;
      QVERIFY(lowRankCodec().encode(sameSlice(m_pair), final, m_model.get(), {}, chunk));
      const auto wrong = survivesDamage(lowRankCodec(), sameSlice(m_pair), chunk, m_model.get());
      QVERIFY2(wrong.empty(), wrong.c_str());
    }
  }
};

QTEST_APPLESS_MAIN(TestLowRank)
#include "test_lowrank.moc"
