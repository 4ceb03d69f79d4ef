// SPDX-License-Identifier: Apache-2.0
// sparse: exact for every bit pattern, near the entropy of what it models, safe on any bytes.
#include <QtTest>
#include <numeric>

#include "core/codec/codecs.h"
#include "core/codec/sparse_tile.h"
#include "tests/core/codec/delta_harness.h"

using namespace deltascope;
using namespace deltascope::testing;

Q_DECLARE_METATYPE(deltascope::DType)

namespace {

struct NamedType {
  const char* name;
  DType type;
};
constexpr NamedType kTypes[] = {{"BF16", DType::BF16}, {"F16", DType::F16}, {"F32", DType::F32}};

double bitsPerWeight(const DeltaPair& pair, const CodecModel* model) {
  Bytes out;
  if (!sparseCodec().encode(sameSlice(pair), pair.final, model, {}, out)) return 1e9;
  return 8.0 * static_cast<double>(out.size()) / static_cast<double>(pair.count());
}

}  // namespace

class TestSparse : public QObject {
  Q_OBJECT

 private slots:
  void restoresEveryPatternOverEveryBase_data() {
    QTest::addColumn<DType>("type");
    QTest::addColumn<uint>("base");
    QTest::addColumn<bool>("moving");
    for (const auto& t : {kTypes[0], kTypes[1]}) {
      for (const uint base :
           {0x0000u, 0x8000u, 0x0001u, 0x3c00u, 0x3f80u, 0x7f80u, 0xff80u, 0x7fc1u, 0xffffu, 0x7c00u, 0x7e01u})
        QTest::addRow("%s over 0x%04x", t.name, base) << t.type << base << false;
      for (const uint flip : {0x0000u, 0x0001u, 0x007fu, 0x0400u, 0x8000u, 0xffffu, 0x5555u})
        QTest::addRow("%s over itself xor 0x%04x", t.name, flip) << t.type << flip << true;
    }
  }
  void restoresEveryPatternOverEveryBase() {
    QFETCH(DType, type);
    QFETCH(uint, base);
    QFETCH(bool, moving);
    const auto pair = everyPattern(type, base, moving);
    // A model of ordinary weights must cope with what it has never seen; its own model with being used in full.
    for (const auto& fitTo : {gaussianPair(type, 8192, 1e-5f), pair}) {
      const auto model = storedModel(sparseCodec(), fitTo);
      QVERIFY(model);
      const auto wrong = roundTrip(sparseCodec(), sameSlice(pair), pair.final, model.get());
      QVERIFY2(wrong.empty(), wrong.c_str());
    }
  }

  void restoresEverySize_data() {
    QTest::addColumn<DType>("type");
    QTest::addColumn<int>("count");
    for (const auto& t : kTypes)
      for (const int count : {0, 1, 2, 31, 32, 33, 63, 255, 4095, 4096, 4097, 8191, 12289, 20000})
        QTest::addRow("%s %d", t.name, count) << t.type << count;
  }
  void restoresEverySize() {
    QFETCH(DType, type);
    QFETCH(int, count);
    const auto n = static_cast<std::size_t>(count);
    const auto model = storedModel(sparseCodec(), gaussianPair(type, 20000, 1e-5f, 9));
    QVERIFY(model);
    for (const auto& pair : {gaussianPair(type, n, 1e-5f), gaussianPair(type, n, 1e-7f), gaussianPair(type, n, 1e-2f),
                             wildPair(type, n, 4), wildPair(type, n, 5)}) {
      const auto wrong = roundTrip(sparseCodec(), sameSlice(pair), pair.final, model.get());
      QVERIFY2(wrong.empty(), wrong.c_str());
    }
  }

  void restoresRandomPatternsWithTheirOwnModel_data() {
    QTest::addColumn<DType>("type");
    for (const auto& t : kTypes) QTest::newRow(t.name) << t.type;
  }
  void restoresRandomPatternsWithTheirOwnModel() {
    QFETCH(DType, type);
    for (std::uint32_t seed = 0; seed < 5; ++seed) {
      const auto pair = wildPair(type, 100000, seed);
      const auto model = storedModel(sparseCodec(), pair);
      QVERIFY(model);
      const auto wrong = roundTrip(sparseCodec(), sameSlice(pair), pair.final, model.get());
      QVERIFY2(wrong.empty(), wrong.c_str());
    }
  }

  void storesNothingWhereNothingChanged() {
    auto pair = gaussianPair(DType::BF16, 10000, 1e-5f);
    const auto model = storedModel(sparseCodec(), pair);
    pair.final = pair.base;
    Bytes out;
    QVERIFY(sparseCodec().encode(sameSlice(pair), pair.final, model.get(), {}, out));
    QCOMPARE(out.size(), std::size_t{0});
  }

  // The conditional entropies of these deltas (given the exponent) are 2.90, 0.50 and 0.051 bits a weight.
  void comesNearTheEntropy_data() {
    QTest::addColumn<float>("step");
    QTest::addColumn<double>("most");
    QTest::newRow("1e-4") << 1e-4f << 2.98;
    QTest::newRow("1e-5") << 1e-5f << 0.53;
    QTest::newRow("1e-6") << 1e-6f << 0.064;
  }
  void comesNearTheEntropy() {
    QFETCH(float, step);
    QFETCH(double, most);
    const auto model = storedModel(sparseCodec(), gaussianPair(DType::BF16, 1 << 18, step, 2));
    const auto bits = bitsPerWeight(gaussianPair(DType::BF16, 1 << 19, step, 1), model.get());
    QVERIFY2(bits <= most, qPrintable(QString::number(bits)));
  }

  void estimatesWhatItStores() {
    const auto pair = gaussianPair(DType::BF16, 1 << 17, 1e-5f);
    const auto model = storedModel(sparseCodec(), pair);
    const auto estimate = sparseCodec().estimate({sameSlice(pair), pair.final}, model.get(), {});
    const auto stored = bitsPerWeight(pair, model.get());
    QVERIFY(estimate <= stored && estimate > stored - 8.0 * 16 / (1 << 17));  // without the padding
    QCOMPARE(sparseCodec().estimate({sameSlice(pair), pair.final}, nullptr, {}), estimate);
  }

  void keepsIncompressibleTilesAsTheyAre() {
    auto pair = gaussianPair(DType::BF16, 3 * 4096, 1e-6f);
    const auto model = storedModel(sparseCodec(), pair);
    const auto wild = wildPair(DType::BF16, 4096, 1);
    std::copy(wild.final.begin(), wild.final.end(), pair.final.begin() + 2 * 4096);
    Bytes out;
    const auto stats = sparseCodec().encode(sameSlice(pair), pair.final, model.get(), {}, out);
    QVERIFY(stats);
    QCOMPARE(stats->rawTiles, std::uint64_t{1});
    QVERIFY(roundTrip(sparseCodec(), sameSlice(pair), pair.final, model.get()).empty());
  }

  void codesOverQuantizedBasesThroughTheirValues() {
    const auto pair = gaussianPair(DType::BF16, 10000, 1e-5f);
    const auto model = storedModel(sparseCodec(), pair);
    for (const auto kind : {BaseKind::Nf4, BaseKind::Fp4, BaseKind::Int8}) {
      QVERIFY(sparseCodec().supports(kind, DType::BF16) && sparseCodec().needsValues());
      auto slice = sameSlice(pair);
      slice.kind = kind;
      QVERIFY(roundTrip(sparseCodec(), slice, pair.final, model.get()).empty());
    }
    QVERIFY(!sparseCodec().supports(BaseKind::None, DType::BF16));
    QVERIFY(!sparseCodec().supports(BaseKind::Same, DType::I8));
  }

  void ordersTilesAlikeOnEveryInstructionSet_data() {
    QTest::addColumn<DType>("type");
    for (const auto& t : kTypes) QTest::newRow(t.name) << t.type;
  }
  void ordersTilesAlikeOnEveryInstructionSet() {
    QFETCH(DType, type);
    const auto isas = kernels::supportedIsas();
    for (const std::size_t count : {1, 2, 31, 32, 33, 64, 1000, 4095, 4096})
      for (const unsigned top : {0u, 5u, 15u, 16u, 121u, 255u}) {
        const ExactBuffer values((count % 2 ? wildPair(type, count, top) : gaussianPair(type, count, 1e-3f)).base);
        SparseOrder expected;
        orderTile(sparseType(type), top, values.bytes().data(), count, expected, kernels::Isa::Scalar);
        for (std::size_t c = 0; c < kSparseClasses; ++c)
          for (std::uint32_t i = 0; i < expected.size[c]; ++i) {
            const std::size_t position = expected.order[expected.begin[c] + i];
            QVERIFY(position < count && (i == 0 || position > expected.order[expected.begin[c] + i - 1]));
            std::uint32_t bits = 0;
            std::memcpy(&bits, values.bytes().data() + position * bytesOf(type), bytesOf(type));
            QCOMPARE(std::clamp(int(top) - int(sparseType(type).exponentOf(bits)), 0, 15), int(c));
          }
        QCOMPARE(std::accumulate(expected.size.begin(), expected.size.end(), 0u), count);
        for (const auto isa : isas) {
          SparseOrder order;
          orderTile(sparseType(type), top, values.bytes().data(), count, order, isa);
          QVERIFY(order.begin == expected.begin && order.size == expected.size);
          QVERIFY(std::equal(order.order.begin(), order.order.begin() + static_cast<std::ptrdiff_t>(count),
                             expected.order.begin()));
        }
      }
  }

  void findsShortestPrefixCodes_data() {
    QTest::addColumn<QList<int>>("counts");
    QTest::addColumn<QList<int>>("lengths");
    QTest::newRow("two") << QList<int>{1, 1} << QList<int>{1, 1};
    QTest::newRow("absent ones have none") << QList<int>{0, 5, 0, 1} << QList<int>{0, 1, 0, 1};
    QTest::newRow("powers of two") << QList<int>{8, 4, 2, 1, 1} << QList<int>{1, 2, 3, 4, 4};
    QTest::newRow("equal") << QList<int>{3, 3, 3, 3} << QList<int>{2, 2, 2, 2};
    // Unlimited, the two rarest of these would take 11 bits.
    QTest::newRow("limited to ten bits") << QList<int>{1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}
                                         << QList<int>{10, 10, 10, 10, 8, 7, 6, 5, 4, 3, 2, 1};
  }
  void findsShortestPrefixCodes() {
    QFETCH(QList<int>, counts);
    QFETCH(QList<int>, lengths);
    const std::vector<std::uint64_t> n(counts.begin(), counts.end());
    const auto found = prefixLengths(n);
    std::uint64_t bits = 0, expected = 0;
    double kraft = 0;
    for (std::size_t i = 0; i < n.size(); ++i) {
      bits += n[i] * found[i];
      expected += n[i] * static_cast<std::uint64_t>(lengths[qsizetype(i)]);
      if (found[i]) kraft += 1.0 / (1 << found[i]);
      QCOMPARE(found[i] == 0, lengths[qsizetype(i)] == 0);
    }
    QCOMPARE(kraft, 1.0);
    QCOMPARE(bits, expected);
  }

  void refusesAModelOfAnotherKind() {
    const auto pair = gaussianPair(DType::BF16, 5000, 1e-5f);
    const auto half = storedModel(sparseCodec(), gaussianPair(DType::F16, 5000, 1e-5f));
    Bytes out, back(pair.final.size());
    QCOMPARE(sparseCodec().encode(sameSlice(pair), pair.final, half.get(), {}, out).error().code, ErrorCode::Mismatch);
    QCOMPARE(sparseCodec().decode(sameSlice(pair), out, half.get(), back).error().code, ErrorCode::Mismatch);
    QCOMPARE(sparseCodec().encode(sameSlice(pair), pair.final, nullptr, {}, out).error().code, ErrorCode::InvalidArgument);
    QVERIFY(out.empty());
  }

  void modelsSurviveDamage() {
    const auto pair = gaussianPair(DType::BF16, 50000, 1e-4f);
    const DeltaSample sample{sameSlice(pair), pair.final};
    const auto bytes = (*sparseCodec().fit({&sample, 1}, {}))->serialize();
    const auto again = sparseCodec().parseModel(bytes);
    QVERIFY(again);
    QVERIFY((*again)->serialize() == bytes);
    const auto wrong = modelSurvivesDamage(sparseCodec(), bytes);
    QVERIFY2(wrong.empty(), wrong.c_str());
  }

  void chunksSurviveDamage_data() {
    QTest::addColumn<DType>("type");
    QTest::addColumn<float>("step");
    QTest::addColumn<int>("count");
    QTest::newRow("sparse") << DType::BF16 << 1e-6f << 3 * 4096;
    QTest::newRow("dense") << DType::BF16 << 1e-4f << 1500;
    QTest::newRow("half") << DType::F16 << 1e-5f << 1500;
    QTest::newRow("single") << DType::F32 << 1e-9f << 700;
    QTest::newRow("empty") << DType::BF16 << 1e-6f << 0;
  }
  void chunksSurviveDamage() {
    QFETCH(DType, type);
    QFETCH(float, step);
    QFETCH(int, count);
    const auto pair = gaussianPair(type, std::size_t(count), step);
    const auto model = storedModel(sparseCodec(), gaussianPair(type, 20000, step, 2));
    Bytes out;
    QVERIFY(sparseCodec().encode(sameSlice(pair), pair.final, model.get(), {}, out));
    const auto wrong = survivesDamage(sparseCodec(), sameSlice(pair), out, model.get());
    QVERIFY2(wrong.empty(), wrong.c_str());
  }
};

QTEST_APPLESS_MAIN(TestSparse)
#include "test_sparse.moc"
