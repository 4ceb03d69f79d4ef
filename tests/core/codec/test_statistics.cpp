// SPDX-License-Identifier: Apache-2.0
// What a delta looks like: counts and differences against the plain definition, and the base's values.
#include <QtTest>

#include "core/codec/statistics.h"
#include "core/quant/quant.h"
#include "kernels/ordered.h"
#include "tests/core/codec/delta_harness.h"

using namespace deltascope;
using namespace deltascope::testing;

Q_DECLARE_METATYPE(deltascope::DType)

class TestStatistics : public QObject {
  Q_OBJECT

 private slots:
  void countsEqualElements_data() {
    QTest::addColumn<DType>("type");
    for (const auto type : {DType::F4, DType::F6_E2M3, DType::U8, DType::BF16, DType::F32, DType::F64})
      QTest::newRow(nameOf(type).data()) << type;
  }
  void countsEqualElements() {
    QFETCH(DType, type);
    std::mt19937 random(1);
    for (const std::size_t count : {0, 1, 7, 31, 32, 33, 64, 1000, 4096, 20001, 300000}) {
      const auto bits = bitsOf(type);
      Bytes base((count * bits + 7) / 8);
      for (auto& b : base) b = static_cast<std::byte>(random());
      Bytes final = base;
      std::uint64_t changed = 0;
      for (std::size_t i = 0; i < count; ++i)
        if (random() % 3 == 0) {
          const auto bit = i * bits + random() % bits;
          final[bit / 8] ^= std::byte{1} << (bit % 8);
          ++changed;
        }
      BaseSlice slice;
      slice.kind = BaseKind::Same;
      slice.finalType = type;
      slice.count = count;
      const ExactBuffer a(base), b(final);
      slice.values = a.bytes();
      QCOMPARE(countZeroDeltas(slice, b.bytes()), count - changed);
      QCOMPARE(countZeroDeltas(slice, a.bytes()), std::uint64_t{count});
      slice.kind = BaseKind::None;
      QCOMPARE(countZeroDeltas(slice, a.bytes()), std::uint64_t{0});
    }
  }

  void differencesFollowTheOrderOfFloats() {
    const std::uint16_t base[] = {0x0000, 0x0000, 0x8000, 0x3f80, 0x7f80, 0xffff, 0x7fff};
    const std::uint16_t final[] = {0x0001, 0x8000, 0x0000, 0x3f7f, 0xff80, 0x7fff, 0xffff};
    const std::int32_t expected[] = {1, -1, 1, -1, -0xff01, 0xffff, -0xffff};
    BaseSlice slice;
    slice.kind = BaseKind::Same;
    slice.count = 7;
    slice.values = std::as_bytes(std::span(base));
    std::int32_t found[7];
    deltas(slice, std::as_bytes(std::span(final)), found);
    for (int i = 0; i < 7; ++i) QCOMPARE(found[i], expected[i]);
  }

  void differencesOfSinglesSaturate() {
    const std::uint32_t base[] = {0x00000000, 0xffffffff, 0x7fffffff, 0x3f800000};
    const std::uint32_t final[] = {0x00000001, 0x7fffffff, 0xffffffff, 0x3f800002};
    const std::int32_t expected[] = {1, std::numeric_limits<std::int32_t>::max(), std::numeric_limits<std::int32_t>::min(), 2};
    BaseSlice slice;
    slice.kind = BaseKind::Same;
    slice.finalType = DType::F32;
    slice.count = 4;
    slice.values = std::as_bytes(std::span(base));
    std::int32_t found[4];
    deltas(slice, std::as_bytes(std::span(final)), found);
    for (int i = 0; i < 4; ++i) QCOMPARE(found[i], expected[i]);
  }

  void orderIsABijection() {
    std::vector<bool> seen16(1u << 16);
    for (std::uint32_t b = 0; b < 1u << 16; ++b) {
      const auto o = kernels::toOrdered16(static_cast<std::uint16_t>(b));
      QVERIFY(!seen16[o]);
      seen16[o] = true;
      QCOMPARE(kernels::fromOrdered16(o), static_cast<std::uint16_t>(b));
    }
    std::mt19937 random(1);
    for (int i = 0; i < 100000; ++i) {
      const auto b = static_cast<std::uint32_t>(random());
      QCOMPARE(kernels::fromOrdered32(kernels::toOrdered32(b)), b);
    }
  }

  void givesTheBasesValues_data() {
    QTest::addColumn<DType>("type");
    for (const auto type : {DType::BF16, DType::F16, DType::F32}) QTest::newRow(nameOf(type).data()) << type;
  }
  void givesTheBasesValues() {
    QFETCH(DType, type);
    constexpr std::size_t kCount = 8192 + 77;
    const auto weights = gaussianPair(type, kCount, 0).base;
    const auto size = bytesOf(type);
    BaseSlice slice;
    slice.finalType = type;
    Bytes whole(weights.size()), values(weights.size());

    // From the second tile on, as a chunk sees it.
    constexpr std::size_t kFirst = kTileElements, kRest = kCount - kFirst;
    slice.first = kFirst;
    slice.count = kRest;
    const auto tail = [&](const Bytes& bytes) { return Bytes(bytes.begin() + kFirst * size, bytes.end()); };
    const auto check = [&] {
      Bytes into(kRest * size, std::byte{0xa5});
      baseValues(slice, into);
      return into == tail(whole);
    };

    for (const auto kind : {BaseKind::Nf4, BaseKind::Fp4}) {
      const auto format = kind == BaseKind::Nf4 ? QuantFormat::Nf4 : QuantFormat::Fp4;
      std::vector<std::uint8_t> codes((kCount + 1) / 2);
      std::vector<float> absmax((kCount + 63) / 64);
      quantize4bit(format, type, weights, 64, codes, absmax);
      dequantize4bit(format, codes, absmax, 64, type, whole);
      slice.kind = kind;
      slice.group = 64;
      slice.codes = std::span(codes).subspan(kFirst / 2);
      slice.scales = std::span(absmax).subspan(kFirst / 64);
      QVERIFY(check());
    }
    std::vector<std::int8_t> codes(kCount);
    for (const std::uint64_t columns : {1ull, 100ull, 4095ull, 4096ull, 10000ull}) {
      std::vector<float> scales((kCount + columns - 1) / columns);
      rowAbsmax(type, weights, columns, scales);
      quantizeInt8(type, weights, 0, columns, scales, codes);
      dequantizeInt8(codes, 0, columns, scales, type, whole);
      slice.kind = BaseKind::Int8;
      slice.group = columns;
      slice.codes = {reinterpret_cast<const std::uint8_t*>(codes.data()) + kFirst, kRest};
      slice.scales = std::span(scales).subspan(kFirst / columns);
      QVERIFY(check());
    }
    slice.kind = BaseKind::Same;
    whole = weights;
    values = tail(weights);
    slice.values = values;
    QVERIFY(check());
    slice.kind = BaseKind::None;
    std::ranges::fill(whole, std::byte{0});
    QVERIFY(check());
  }
};

QTEST_APPLESS_MAIN(TestStatistics)
#include "test_statistics.moc"
