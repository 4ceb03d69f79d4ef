// SPDX-License-Identifier: Apache-2.0
// entropy, bitpack and zstd: exact for every bit pattern, base and size; never over their bound; safe on any bytes.
#include <QtTest>
#include <algorithm>
#include <map>

#include "core/codec/codecs.h"
#include "core/codec/residual.h"
#include "tests/core/codec/residual_data.h"

using namespace deltascope;
using namespace deltascope::testing;

namespace {

const DeltaCodec& codecOf(CodecId id) {
  return id == CodecId::Entropy ? entropyCodec() : id == CodecId::Bitpack ? bitpackCodec() : zstdCodec();
}

constexpr CodecId kCodecs[] = {CodecId::Entropy, CodecId::Bitpack, CodecId::Zstd};

/// Through serialize and parse, as a payload would.
ModelPtr storedModel(const DeltaCodec& codec, std::span<const DeltaSample> samples) {
  auto model = codec.fit(samples, {});
  if (!model || !*model) return nullptr;
  auto parsed = codec.parseModel((*model)->serialize());
  return parsed ? *parsed : nullptr;
}

}  // namespace

class TestResidual : public QObject {
  Q_OBJECT

 private slots:
  void restoresEveryBit_data() {
    QTest::addColumn<int>("codec");
    QTest::addColumn<int>("base");
    QTest::addColumn<int>("type");
    QTest::addColumn<int>("fill");
    QTest::addColumn<int>("count");
    QTest::addColumn<int>("group");
    const char* fills[] = {"gaussian", "every pattern", "random bits", "zeros", "special"};
    for (CodecId codec : kCodecs)
      for (BaseKind base : {BaseKind::None, BaseKind::Same, BaseKind::Nf4, BaseKind::Fp4, BaseKind::Int8, BaseKind::Int4,
                            BaseKind::Q8_0, BaseKind::Q4K, BaseKind::Fp8, BaseKind::W8, BaseKind::W4})
        for (DType type : {DType::BF16, DType::F16, DType::F32})
          for (int fill = 0; fill < 5; ++fill)
            for (int count : {0, 1, 255, 257, 4095, 4096, 4097, 65536}) {
              if (count == 65536 && fill > 1) continue;
              const int group = base == BaseKind::Int8 ? (count % 2 ? 63 : 1000) : (count % 2 ? 32 : 4096);
              QTest::addRow("%s %s %s %s %d", nameOf(codec).data(), nameOf(base).data(), nameOf(type).data(), fills[fill],
                            count)
                  << int(codec) << int(base) << int(type) << fill << count << group;
            }
  }
  void restoresEveryBit() {
    QFETCH(int, codec);
    QFETCH(int, base);
    QFETCH(int, type);
    QFETCH(int, fill);
    QFETCH(int, count);
    QFETCH(int, group);
    const DeltaCodec& c = codecOf(CodecId(codec));
    const auto data = makeData({DType(type), BaseKind(base), size_t(count), unsigned(group), std::uint64_t(group), Fill(fill)});
    // The model comes from ordinary weights: the codec must cope with what it was not fitted to.
    const auto ordinary =
        makeData({DType(type), BaseKind(base), 8192, unsigned(group), std::uint64_t(group), Fill::Gaussian}, 7);
    const DeltaSample sample{ordinary.slice, ordinary.final};
    const ModelPtr model = storedModel(c, {&sample, 1});
    std::vector<std::byte> chunk;
    const auto stats = c.encode(data.slice, data.final, model.get(), {}, chunk);
    QVERIFY2(stats.has_value(), stats ? "" : stats.error().message.c_str());
    QVERIFY(chunk.size() % 16 == 0);
    QVERIFY2(chunk.size() <= c.bound(DType(type), size_t(count)), qPrintable(QString::number(chunk.size())));
    std::vector<std::byte> back(data.final.size(), std::byte{0xa5});
    const std::vector<std::byte> exact(chunk);  // no slack behind the chunk
    const auto decoded = c.decode(data.slice, exact, model.get(), back);
    QVERIFY2(decoded.has_value(), decoded ? "" : decoded.error().message.c_str());
    QVERIFY(std::ranges::equal(back, data.final));
    if (CodecId(codec) != CodecId::Zstd) {
      const auto shares = residualShares(CodecId(codec), exact, size_t(count), DType(type));
      QVERIFY(shares.has_value());
      std::uint64_t sum = 0;
      for (const auto& share : *shares) sum += share.bytes;
      QCOMPARE(sum, std::uint64_t(exact.size()));
    }
  }

  void survivesAnyBytes_data() {
    QTest::addColumn<int>("codec");
    QTest::addColumn<int>("base");
    QTest::addColumn<int>("type");
    for (CodecId codec : kCodecs)
      for (BaseKind base : {BaseKind::None, BaseKind::Same, BaseKind::Nf4, BaseKind::Int8, BaseKind::Q4K, BaseKind::W4})
        for (DType type : {DType::BF16, DType::F32})
          QTest::addRow("%s %s %s", nameOf(codec).data(), nameOf(base).data(), nameOf(type).data())
              << int(codec) << int(base) << int(type);
  }
  void survivesAnyBytes() {
    QFETCH(int, codec);
    QFETCH(int, base);
    QFETCH(int, type);
    const DeltaCodec& c = codecOf(CodecId(codec));
    const auto data = makeData({DType(type), BaseKind(base), 4500, 64, 100, Fill::Special});
    const DeltaSample sample{data.slice, data.final};
    const ModelPtr model = storedModel(c, {&sample, 1});
    std::vector<std::byte> chunk, back(data.final.size());
    QVERIFY(c.encode(data.slice, data.final, model.get(), {}, chunk).has_value());
    std::mt19937 random(3);
    int refused = 0;
    for (std::size_t n = 0; n < chunk.size(); n += n < 600 ? 1 : 61) {
      const std::vector<std::byte> cut(chunk.begin(), chunk.begin() + std::ptrdiff_t(n));
      refused += !c.decode(data.slice, cut, model.get(), back);
      (void)residualShares(CodecId::Entropy, cut, 4500, DType(type));
    }
    QVERIFY(refused > 0);
    for (int round = 0; round < 400; ++round) {
      auto bytes = chunk;
      for (int flips = 1 + round % 8; flips > 0; --flips)
        bytes[random() % (round % 2 ? std::min<std::size_t>(96, bytes.size()) : bytes.size())] = std::byte(random());
      (void)c.decode(data.slice, bytes, model.get(), back);
    }
    for (int round = 0; round < 100; ++round) {
      std::vector<std::byte> noise(random() % 9000);
      for (auto& b : noise) b = std::byte(random());
      (void)c.decode(data.slice, noise, model.get(), back);
      (void)c.parseModel(noise);
    }
    if (!model) return;
    const auto stored = model->serialize();
    for (int round = 0; round < 400; ++round) {
      auto bytes = stored;
      bytes[random() % bytes.size()] = std::byte(random());
      if (auto parsed = c.parseModel(bytes)) (void)c.decode(data.slice, chunk, parsed->get(), back);
      bytes.resize(random() % (bytes.size() + 1));
      if (auto parsed = c.parseModel(bytes); parsed && *parsed) (void)c.decode(data.slice, chunk, parsed->get(), back);
    }
  }

  void refusesAModelOfAnotherBase() {
    const auto nf4 = makeData({DType::BF16, BaseKind::Nf4, 4096, 64, 0, Fill::Gaussian});
    const auto fp4 = makeData({DType::BF16, BaseKind::Fp4, 4096, 64, 0, Fill::Gaussian});
    const DeltaSample sample{nf4.slice, nf4.final};
    const ModelPtr model = storedModel(entropyCodec(), {&sample, 1});
    std::vector<std::byte> out;
    const auto result = entropyCodec().encode(fp4.slice, fp4.final, model.get(), {}, out);
    QVERIFY(!result);
    QCOMPARE(int(result.error().code), int(ErrorCode::Mismatch));
  }

  void staysNearTheEntropy_data() {
    QTest::addColumn<int>("codec");
    QTest::addColumn<double>("bits");
    QTest::newRow("entropy") << int(CodecId::Entropy) << 6.85;
    QTest::newRow("bitpack") << int(CodecId::Bitpack) << 7.25;
    QTest::newRow("zstd") << int(CodecId::Zstd) << 8.3;
  }
  void staysNearTheEntropy() {
    QFETCH(int, codec);
    QFETCH(double, bits);
    const DeltaCodec& c = codecOf(CodecId(codec));
    const auto data = makeData({DType::BF16, BaseKind::Nf4, 1u << 20, 64, 0, Fill::Gaussian});
    const DeltaSample sample{data.slice, data.final};
    const ModelPtr model = storedModel(c, {&sample, 1});
    const double got = c.estimate(sample, model.get(), {});
    QVERIFY2(got < bits, qPrintable(QString::number(got)));
  }
};

QTEST_APPLESS_MAIN(TestResidual)
#include "test_residual.moc"
