// SPDX-License-Identifier: Apache-2.0
// additive: the old scripts' layout, exact for every bit pattern, safe on any bytes.
#include <zstd.h>

#include <QtTest>

#include "core/codec/codecs.h"
#include "tests/core/codec/delta_harness.h"

using namespace deltascope;
using namespace deltascope::testing;

Q_DECLARE_METATYPE(deltascope::DType)

namespace {

constexpr DType kTypes[] = {DType::BF16, DType::F16, DType::F32};

struct Parts {
  std::vector<std::int64_t> positions;
  std::vector<float> differences;
  std::size_t corrections = 0;
};

Parts partsOf(const Bytes& chunk) {
  std::uint32_t header[4];
  std::memcpy(header, chunk.data(), sizeof header);
  Parts parts{std::vector<std::int64_t>(header[0]), std::vector<float>(header[0]), header[1]};
  ZSTD_decompress(parts.positions.data(), parts.positions.size() * 8, chunk.data() + 16, header[2]);
  ZSTD_decompress(parts.differences.data(), parts.differences.size() * 4, chunk.data() + 16 + header[2], header[3]);
  return parts;
}

/// A chunk of these parts, which need not make sense.
Bytes chunkOf(const std::vector<std::int64_t>& positions, const std::vector<float>& differences,
              const std::vector<std::uint32_t>& corrections) {
  Bytes chunk(16 + ZSTD_compressBound(positions.size() * 8) + ZSTD_compressBound(differences.size() * 4));
  std::uint32_t header[4] = {static_cast<std::uint32_t>(positions.size()), static_cast<std::uint32_t>(corrections.size() / 2),
                             0, 0};
  header[2] = static_cast<std::uint32_t>(
      ZSTD_compress(chunk.data() + 16, chunk.size() - 16, positions.data(), positions.size() * 8, 3));
  header[3] = static_cast<std::uint32_t>(ZSTD_compress(chunk.data() + 16 + header[2], chunk.size() - 16 - header[2],
                                                       differences.data(), differences.size() * 4, 3));
  std::memcpy(chunk.data(), header, sizeof header);
  chunk.resize(16 + header[2] + header[3]);
  const auto* bytes = reinterpret_cast<const std::byte*>(corrections.data());
  chunk.insert(chunk.end(), bytes, bytes + corrections.size() * 4);
  chunk.resize((chunk.size() + 15) / 16 * 16);
  return chunk;
}

}  // namespace

class TestAdditive : public QObject {
  Q_OBJECT

 private slots:
  void restoresEveryPatternOverEveryBase_data() {
    QTest::addColumn<DType>("type");
    QTest::addColumn<uint>("base");
    QTest::addColumn<bool>("moving");
    for (const auto type : {DType::BF16, DType::F16}) {
      for (const uint base : {0x0000u, 0x8000u, 0x0001u, 0x3f80u, 0x7f80u, 0xff80u, 0x7fc1u, 0xffffu, 0x7c00u, 0x7e01u})
        QTest::addRow("%s over 0x%04x", nameOf(type).data(), base) << type << base << false;
      for (const uint flip : {0x0000u, 0x0001u, 0x0040u, 0x8000u, 0xffffu})
        QTest::addRow("%s over itself xor 0x%04x", nameOf(type).data(), flip) << type << flip << true;
    }
  }
  void restoresEveryPatternOverEveryBase() {
    QFETCH(DType, type);
    QFETCH(uint, base);
    QFETCH(bool, moving);
    const auto pair = everyPattern(type, base, moving);
    const auto wrong = roundTrip(additiveCodec(), sameSlice(pair, 1u << 20), pair.final, nullptr);
    QVERIFY2(wrong.empty(), wrong.c_str());
  }

  void restoresEverySizeAndLevel_data() {
    QTest::addColumn<DType>("type");
    QTest::addColumn<int>("count");
    for (const auto type : kTypes)
      for (const int count : {0, 1, 4095, 4096, 4097, 9999})
        QTest::addRow("%s %d", nameOf(type).data(), count) << type << count;
  }
  void restoresEverySizeAndLevel() {
    QFETCH(DType, type);
    QFETCH(int, count);
    const auto n = static_cast<std::size_t>(count);
    for (const auto& pair : {wildPair(type, n, 1), gaussianPair(type, n, 1e-4f), gaussianPair(type, n, 0)})
      for (const int level : {1, 3, 19}) {
        const auto wrong = roundTrip(additiveCodec(), sameSlice(pair), pair.final, nullptr, {.zstdLevel = level});
        QVERIFY2(wrong.empty(), wrong.c_str());
      }
  }

  void listsWhatTheScriptsListed() {
    DeltaPair pair{DType::BF16, Bytes(12), Bytes(12)};
    //                              1.0     same    −0 → +0  1.0 → NaN  ∞ → 1.0   1.0 → 2.0
    const std::uint16_t base[] = {0x3f80, 0x4000, 0x8000, 0x3f80, 0x7f80, 0x3f80};
    const std::uint16_t final[] = {0x3fc0, 0x4000, 0x0000, 0x7fc1, 0x3f80, 0x4000};
    std::memcpy(pair.base.data(), base, 12);
    std::memcpy(pair.final.data(), final, 12);
    Bytes chunk;
    const auto stats = additiveCodec().encode(sameSlice(pair, 8192), pair.final, nullptr, {}, chunk);
    QVERIFY(stats);
    const auto parts = partsOf(chunk);
    QVERIFY((parts.positions == std::vector<std::int64_t>{8192, 8196, 8197}));
    QVERIFY((parts.differences == std::vector<float>{0.5f, -std::numeric_limits<float>::infinity(), 1.0f}));
    QCOMPARE(stats->patches, std::uint64_t{3});  // what addition cannot give: the sign of zero, NaN, ∞ − ∞
    QCOMPARE(parts.corrections, std::size_t{3});
  }

  void refusesBadPositions_data() {
    QTest::addColumn<QList<qint64>>("positions");
    QTest::addColumn<QList<uint>>("corrections");
    QTest::newRow("descending") << QList<qint64>{5, 4} << QList<uint>{};
    QTest::newRow("twice") << QList<qint64>{5, 5} << QList<uint>{};
    QTest::newRow("before the chunk") << QList<qint64>{-1} << QList<uint>{};
    QTest::newRow("far before the chunk") << QList<qint64>{std::numeric_limits<qint64>::min()} << QList<uint>{};
    QTest::newRow("past the chunk") << QList<qint64>{100} << QList<uint>{};
    QTest::newRow("far past the chunk") << QList<qint64>{std::numeric_limits<qint64>::max()} << QList<uint>{};
    QTest::newRow("corrections descend") << QList<qint64>{} << QList<uint>{5, 0, 4, 0};
    QTest::newRow("correction past the chunk") << QList<qint64>{} << QList<uint>{100, 0};
    QTest::newRow("correction of 17 bits") << QList<qint64>{} << QList<uint>{5, 0x10000};
  }
  void refusesBadPositions() {
    QFETCH(QList<qint64>, positions);
    QFETCH(QList<uint>, corrections);
    const auto pair = gaussianPair(DType::BF16, 100, 0);
    const auto chunk = chunkOf({positions.begin(), positions.end()}, std::vector<float>(std::size_t(positions.size()), 1.0f),
                               {corrections.begin(), corrections.end()});
    Bytes back(pair.final.size());
    const auto decoded = additiveCodec().decode(sameSlice(pair), chunk, nullptr, back);
    QVERIFY(!decoded);
    QCOMPARE(decoded.error().code, ErrorCode::Corrupt);
    QVERIFY(decoded.error().message.find("offset ") != std::string::npos);
  }

  void refusesFramesOfAnotherSize() {
    const auto pair = gaussianPair(DType::BF16, 100, 0);
    Bytes back(pair.final.size());
    auto chunk = chunkOf({1, 2, 3}, {1, 2, 3}, {});
    for (const std::uint32_t claimed : {2u, 4u, 100u, 101u, 0xffffffffu}) {
      std::memcpy(chunk.data(), &claimed, 4);
      QCOMPARE(additiveCodec().decode(sameSlice(pair), chunk, nullptr, back).error().code, ErrorCode::Corrupt);
    }
  }

  void chunksSurviveDamage() {
    for (const auto& pair :
         {gaussianPair(DType::BF16, 400, 1e-4f), wildPair(DType::F16, 100, 2), wildPair(DType::F32, 50, 3)}) {
      Bytes chunk;
      QVERIFY(additiveCodec().encode(sameSlice(pair), pair.final, nullptr, {}, chunk));
      const auto wrong = survivesDamage(additiveCodec(), sameSlice(pair), chunk, nullptr);
      QVERIFY2(wrong.empty(), wrong.c_str());
    }
  }
};

QTEST_APPLESS_MAIN(TestAdditive)
#include "test_additive.moc"
