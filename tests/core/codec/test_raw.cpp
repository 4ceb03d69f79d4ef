// SPDX-License-Identifier: Apache-2.0
// raw and identical: any element type, exact, and refused where they do not hold.
#include <QtTest>

#include "core/codec/codecs.h"
#include "tests/core/codec/delta_harness.h"

using namespace deltascope;
using namespace deltascope::testing;

Q_DECLARE_METATYPE(deltascope::DType)

namespace {

constexpr DType kAllTypes[] = {DType::F4,  DType::F6_E2M3, DType::F6_E3M2, DType::Bool,    DType::U8,
                               DType::I8,  DType::F8_E5M2, DType::F8_E4M3, DType::F8_E8M0, DType::I16,
                               DType::U16, DType::F16,     DType::BF16,    DType::I32,     DType::U32,
                               DType::F32, DType::C64,     DType::F64,     DType::I64,     DType::U64};

Bytes noise(DType type, std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  Bytes bytes((count * bitsOf(type) + 7) / 8);
  for (auto& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

}  // namespace

class TestRaw : public QObject {
  Q_OBJECT

 private slots:
  void restoresEveryTypeAndSize_data() {
    QTest::addColumn<DType>("type");
    QTest::addColumn<int>("count");
    for (const auto type : kAllTypes)
      for (const int count : {0, 1, 3, 7, 8, 4095, 4096, 4097})
        QTest::addRow("%s %d", nameOf(type).data(), count) << type << count;
  }
  void restoresEveryTypeAndSize() {
    QFETCH(DType, type);
    QFETCH(int, count);
    const auto n = static_cast<std::size_t>(count);
    const auto final = noise(type, n, 1), other = noise(type, n, 2);
    BaseSlice slice;
    slice.kind = BaseKind::Same;
    slice.finalType = type;
    slice.count = n;
    for (const auto& values : {final, other}) {
      slice.values = values;
      const auto wrong = roundTrip(rawCodec(), slice, final, nullptr);
      QVERIFY2(wrong.empty(), wrong.c_str());
    }
    slice.values = final;
    QVERIFY(identicalCodec().supports(BaseKind::Same, type));
    const auto wrong = roundTrip(identicalCodec(), slice, final, nullptr);
    QVERIFY2(wrong.empty(), wrong.c_str());
    QCOMPARE(identicalCodec().estimate({slice, final}, nullptr, {}), 0.0);
    QCOMPARE(rawCodec().estimate({slice, final}, nullptr, {}), double(bitsOf(type)));
  }

  void rawNeedsNoBase() {
    const auto final = noise(DType::BF16, 1000, 1);
    BaseSlice slice;
    slice.count = 1000;
    for (const auto kind : {BaseKind::None, BaseKind::Nf4, BaseKind::Fp4, BaseKind::Int8}) {
      slice.kind = kind;
      QVERIFY(rawCodec().supports(kind, DType::BF16) && !rawCodec().needsValues());
      QVERIFY(roundTrip(rawCodec(), slice, final, nullptr).empty());
    }
  }

  void identicalNamesTheFirstDifference() {
    auto pair = gaussianPair(DType::BF16, 5000, 0);
    pair.final = pair.base;
    pair.final[2 * 4999 + 1] ^= std::byte{1};
    Bytes out;
    const auto coded = identicalCodec().encode(sameSlice(pair, 4096), pair.final, nullptr, {}, out);
    QVERIFY(!coded && out.empty());
    QCOMPARE(coded.error().code, ErrorCode::Mismatch);
    QVERIFY(coded.error().message.find("element 9095 ") != std::string::npos);
    // Whatever else there is must be cheaper.
    QVERIFY(identicalCodec().estimate({sameSlice(pair), pair.final}, nullptr, {}) >
            rawCodec().estimate({sameSlice(pair), pair.final}, nullptr, {}));
  }

  void identicalHoldsForQuantizedBasesOfFloats() {
    for (const auto kind : {BaseKind::Nf4, BaseKind::Fp4, BaseKind::Int8}) {
      QVERIFY(identicalCodec().supports(kind, DType::F16) && identicalCodec().needsValues());
      QVERIFY(!identicalCodec().supports(kind, DType::I16));
    }
    QVERIFY(!identicalCodec().supports(BaseKind::None, DType::BF16));
  }

  void wrongSizesAreRefused() {
    const auto pair = gaussianPair(DType::BF16, 100, 0);
    auto slice = sameSlice(pair);
    Bytes out, back(198);
    QCOMPARE(rawCodec().encode(slice, std::span(pair.final).first(198), nullptr, {}, out).error().code,
             ErrorCode::InvalidArgument);
    QCOMPARE(rawCodec().decode(slice, Bytes(208), nullptr, back).error().code, ErrorCode::InvalidArgument);
    slice.values = slice.values.first(198);
    QCOMPARE(identicalCodec().encode(slice, pair.final, nullptr, {}, out).error().code, ErrorCode::InvalidArgument);
    QVERIFY(out.empty());
  }

  void chunksSurviveDamage() {
    const auto pair = gaussianPair(DType::BF16, 500, 0);
    Bytes out;
    QVERIFY(rawCodec().encode(sameSlice(pair), pair.final, nullptr, {}, out));
    for (std::size_t n = 0; n < out.size(); ++n) {
      Bytes back(pair.final.size());
      QVERIFY(!rawCodec().decode(sameSlice(pair), std::span(out).first(n), nullptr, back));
    }
    for (const auto* codec : {&rawCodec(), &identicalCodec()}) {
      const auto wrong = survivesDamage(*codec, sameSlice(pair), out, nullptr);
      QVERIFY2(wrong.empty(), wrong.c_str());
    }
  }

  void modelsAreRefused() {
    QVERIFY(rawCodec().parseModel({}));
    QCOMPARE(rawCodec().parseModel(Bytes(16)).error().code, ErrorCode::Corrupt);
    QVERIFY(rawCodec().fit({}, {}).value() == nullptr);
  }

  void everyCodecIsItsOwn() {
    for (std::size_t i = 0; i < kCodecCount; ++i) {
      const auto id = static_cast<CodecId>(i);
      QCOMPARE(codec(id).id(), id);
      QVERIFY(codecFromName(nameOf(id)) == id);
    }
    QVERIFY(!codecFromName("nothing"));
  }
};

QTEST_APPLESS_MAIN(TestRaw)
#include "test_raw.moc"
