// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <fstream>

#include "core/base/units.h"
#include "golden.h"

using namespace deltascope;
using namespace deltascope::test;

class TestQuantize : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase();
  void formatsHaveNames();
  void codesAndScalesAreTheLibrarys_data();
  void codesAndScalesAreTheLibrarys();
  void shortBlocksAreTheLibrarys();
  void divisionAndReciprocalAreTheLibrarys();
  void dequantizedBitsAreTheLibrarys();
  void aMillionWeightsAreTheLibrarys_data();
  void aMillionWeightsAreTheLibrarys();
  void int8IsTheLibrarys();
  void int8WorksInPieces();
  void nothingIsNothing();

 private:
  [[nodiscard]] const Tensor& golden(const QString& name) const { return m_goldens.at(name.toStdString()); }
  std::map<std::string, Tensor> m_goldens;
  nlohmann::json m_large;
};

void TestQuantize::initTestCase() {
  m_goldens = loadAll(dataFolder() / "arithmetic.safetensors");
  m_large = nlohmann::json::parse(std::ifstream(dataFolder() / "large.json"));
}

void TestQuantize::formatsHaveNames() {
  for (auto format : {QuantFormat::Nf4, QuantFormat::Fp4, QuantFormat::Int8})
    QVERIFY(quantFormatFromName(nameOf(format)) == format);
  QVERIFY(!quantFormatFromName("NF4"));
  for (auto format : kFourBit) {
    const auto& book = codeBook(format);
    for (std::size_t i = 0; i + 1 < 16; ++i) QVERIFY(book.values[book.order[i]] <= book.values[book.order[i + 1]]);
    QVERIFY(std::is_sorted(book.boundaries.begin(), book.boundaries.end()));
  }
}

void TestQuantize::codesAndScalesAreTheLibrarys_data() {
  QTest::addColumn<DType>("dtype");
  QTest::addColumn<QuantFormat>("format");
  QTest::addColumn<unsigned>("blocksize");
  for (auto [name, dtype] : kTypes)
    for (auto format : kFourBit)
      for (unsigned blocksize : kBlocksizes)
        QTest::addRow("%s.%s.%u", name, nameOf(format).data(), blocksize) << dtype << format << blocksize;
}

void TestQuantize::codesAndScalesAreTheLibrarys() {
  QFETCH(DType, dtype);
  QFETCH(QuantFormat, format);
  QFETCH(unsigned, blocksize);
  const QString row = QTest::currentDataTag();
  const auto& weights = golden(row.section('.', 0, 0) + ".weights").bytes;
  const std::size_t n = weights.size() / bytesOf(dtype);
  std::vector<std::uint8_t> codes(ceilDiv(n, 2));
  std::vector<float> absmax(ceilDiv(n, blocksize)), alone(absmax.size());
  quantize4bit(format, dtype, weights, blocksize, codes, absmax);
  blockAbsmax(dtype, weights, blocksize, alone);
  QVERIFY(codes == as<std::uint8_t>(golden(row + ".codes").bytes));
  QCOMPARE(firstDifference(DType::F32, bytesFrom(absmax), golden(row + ".absmax").bytes), -1);
  QVERIFY(bytesFrom(alone) == bytesFrom(absmax));
}

void TestQuantize::shortBlocksAreTheLibrarys() {
  for (auto [name, dtype] : kTypes)
    for (auto format : kFourBit)
      for (const char* tail : {"zeros", "one"}) {
        const std::vector<float> values = tail[0] == 'z' ? std::vector<float>(17) : std::vector<float>{-0.3f};
        std::vector<std::byte> weights(values.size() * bytesOf(dtype));
        fromFloat(dtype, values, weights);
        std::vector<std::uint8_t> codes(ceilDiv(values.size(), 2));
        std::vector<float> absmax(1);
        quantize4bit(format, dtype, weights, 64, codes, absmax);
        const QString row = QString("%1.%2.%3").arg(name, nameOf(format).data(), tail);
        QVERIFY2(codes == as<std::uint8_t>(golden(row + ".codes").bytes), qPrintable(row));
        QVERIFY2(absmax == as<float>(golden(row + ".absmax").bytes), qPrintable(row));
      }
}

/// Weights whose code depends on it: whole blocks multiply by the reciprocal, a short one divides.
void TestQuantize::divisionAndReciprocalAreTheLibrarys() {
  for (auto format : kFourBit) {
    const QString row = QString("edges.%1").arg(nameOf(format).data());
    std::vector<std::uint8_t> codes(64);
    std::vector<float> absmax(2);
    quantize4bit(format, DType::F32, golden(row + ".weights").bytes, 64, codes, absmax);
    QVERIFY2(codes == as<std::uint8_t>(golden(row + ".codes").bytes), qPrintable(row));
    QVERIFY2(absmax == as<float>(golden(row + ".absmax").bytes), qPrintable(row));
  }
}

void TestQuantize::dequantizedBitsAreTheLibrarys() {
  const auto codes = as<std::uint8_t>(golden("dequantize.codes").bytes);
  const auto absmax = as<float>(golden("dequantize.absmax").bytes);
  for (auto format : kFourBit)
    for (auto [name, dtype] : kTypes) {
      const QString row = QString("dequantize.%1.%2").arg(nameOf(format).data(), name);
      const auto& expected = golden(row).bytes;
      std::vector<std::byte> values(expected.size());
      dequantize4bit(format, codes, absmax, 64, dtype, values);
      QVERIFY2(firstDifference(dtype, values, expected) == -1, qPrintable(row));
    }
}

void TestQuantize::aMillionWeightsAreTheLibrarys_data() {
  QTest::addColumn<DType>("dtype");
  for (auto [name, dtype] : kTypes) QTest::newRow(name) << dtype;
}

void TestQuantize::aMillionWeightsAreTheLibrarys() {
  QFETCH(DType, dtype);
  const std::string row = QTest::currentDataTag();
  const auto same = [&](const std::string& name, std::span<const std::byte> bytes) {
    return m_large.at(row + name).get<std::string>() == toHex(hash128(bytes));
  };
  constexpr std::size_t kCount = 1 << 20;
  std::vector<float> exact(kCount);
  for (std::size_t i = 0; i < kCount; ++i) {
    const std::uint64_t bits = splitmix(1, i);
    const auto sum = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48);
    exact[i] = static_cast<float>(static_cast<std::int64_t>(sum) - 131070) * 0x1p-22f;
  }
  std::vector<std::byte> weights(kCount * bytesOf(dtype));
  fromFloat(dtype, exact, weights);
  QVERIFY(same(".weights", weights));

  const auto backIsSame = [&](const std::string& name, const auto& dequantize) {
    for (auto [into, target] : kTypes) {
      std::vector<std::byte> back(kCount * bytesOf(target));
      dequantize(target, back);
      if (!same(name + "." + into, back)) return false;
    }
    return true;
  };
  for (auto format : kFourBit)
    for (unsigned blocksize : kBlocksizes) {
      const std::string name = "." + std::string(nameOf(format)) + "." + std::to_string(blocksize);
      std::vector<std::uint8_t> codes(kCount / 2);
      std::vector<float> absmax(kCount / blocksize);
      quantize4bit(format, dtype, weights, blocksize, codes, absmax);
      QVERIFY2(same(name + ".codes", bytesFrom(codes)), name.c_str());
      QVERIFY2(same(name + ".absmax", bytesFrom(absmax)), name.c_str());
      QVERIFY2(
          backIsSame(name, [&](DType to, std::span<std::byte> b) { dequantize4bit(format, codes, absmax, blocksize, to, b); }),
          name.c_str());
    }
  std::vector<std::int8_t> codes(kCount);
  std::vector<float> scb(1024);
  rowAbsmax(dtype, weights, 1024, scb);
  quantizeInt8(dtype, weights, 0, 1024, scb, codes);
  QVERIFY(same(".int8.codes", bytesFrom(codes)));
  QVERIFY(same(".int8.scb", bytesFrom(scb)));
  QVERIFY(backIsSame(".int8", [&](DType to, std::span<std::byte> b) { dequantizeInt8(codes, 0, 1024, scb, to, b); }));
}

void TestQuantize::int8IsTheLibrarys() {
  for (auto [name, dtype] : kTypes) {
    const QString row = QString("int8.%1").arg(name);
    const auto& weights = golden(row + ".weights");
    const std::uint64_t rows = weights.info.shape[0], columns = weights.info.shape[1];
    std::vector<float> scb(rows);
    std::vector<std::int8_t> codes(rows * columns);
    rowAbsmax(dtype, weights.bytes, columns, scb);
    QCOMPARE(firstDifference(DType::F32, bytesFrom(scb), golden(row + ".scb").bytes), -1);
    quantizeInt8(dtype, weights.bytes, 0, columns, scb, codes);
    QVERIFY2(codes == as<std::int8_t>(golden(row + ".codes").bytes), qPrintable(row));
    for (auto [into, target] : kTypes) {
      const auto& expected = golden(row + "." + into).bytes;
      std::vector<std::byte> values(expected.size());
      dequantizeInt8(codes, 0, columns, scb, target, values);
      QVERIFY2(firstDifference(target, values, expected) == -1, qPrintable(row + into));
    }
  }
}

void TestQuantize::int8WorksInPieces() {
  const auto& weights = golden("int8.bf16.weights");
  const std::uint64_t columns = weights.info.shape[1];
  const auto scb = as<float>(golden("int8.bf16.scb").bytes);
  const auto codes = as<std::int8_t>(golden("int8.bf16.codes").bytes);
  const auto& values = golden("int8.bf16.bf16").bytes;
  for (std::size_t piece : {1u, 16u, 66u, 67u, 68u, 300u})
    for (std::size_t begin = 0; begin < codes.size(); begin += piece) {
      const std::size_t count = std::min(piece, codes.size() - begin), row = begin / columns;
      const std::size_t rows = (begin + count - 1) / columns - row + 1;
      const auto scales = std::span(scb).subspan(row, rows);
      std::vector<std::int8_t> some(count);
      quantizeInt8(DType::BF16, std::span(weights.bytes).subspan(2 * begin, 2 * count), begin % columns, columns, scales, some);
      QVERIFY(std::equal(some.begin(), some.end(), codes.begin() + static_cast<std::ptrdiff_t>(begin)));
      std::vector<std::byte> back(2 * count);
      dequantizeInt8(some, begin % columns, columns, scales, DType::BF16, back);
      QCOMPARE(firstDifference(DType::BF16, back, std::span(values).subspan(2 * begin, 2 * count)), -1);
    }
}

void TestQuantize::nothingIsNothing() {
  quantize4bit(QuantFormat::Nf4, DType::BF16, {}, 64, {}, {});
  blockAbsmax(DType::F32, {}, 64, {});
  dequantize4bit(QuantFormat::Fp4, {}, {}, 64, DType::F16, {});
  quantizeInt8(DType::BF16, {}, 0, 0, {}, {});
  dequantizeInt8({}, 0, 0, {}, DType::BF16, {});
  std::vector<float> scales{1, 2};
  rowAbsmax(DType::BF16, {}, 0, scales);
  QCOMPARE(scales, (std::vector<float>{0, 0}));
}

QTEST_APPLESS_MAIN(TestQuantize)
#include "test_quantize.moc"
