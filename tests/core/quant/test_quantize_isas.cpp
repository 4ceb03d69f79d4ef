// SPDX-License-Identifier: Apache-2.0
/// Every instruction set gives the bits of plain C++, over random and hostile weights.
#include <functional>

#include "core/quant/element_type.h"
#include "golden.h"

using namespace deltascope;
using namespace deltascope::test;
using kernels::ElementType;
using kernels::Isa;

class TestQuantizeIsas : public QObject {
  Q_OBJECT
 private slots:
  void quantize4bitAgrees_data() { rows(); }
  void quantize4bitAgrees();
  void dequantize4bitAgrees_data() { rows(); }
  void dequantize4bitAgrees();
  void maximaAgree_data() { rows(); }
  void maximaAgree();
  void int8Agrees_data() { rows(); }
  void int8Agrees();
  void boundariesAreExact_data();
  void boundariesAreExact();
  void nothingIsWrittenBeyondTheEnd_data() { rows(); }
  void nothingIsWrittenBeyondTheEnd();

 private:
  static void rows();
};

void TestQuantizeIsas::rows() {
  QTest::addColumn<ElementType>("type");
  QTest::addColumn<Isa>("isa");
  for (auto isa : kernels::supportedIsas())
    for (auto [name, dtype] : kTypes) QTest::addRow("%s %s", name, kernels::nameOf(isa)) << elementType(dtype) << isa;
}

namespace {

const kernels::QuantizeOps& plain() { return kernels::quantizeOps(Isa::Scalar); }

/// Weights of `n` elements: kind 0 random bits, 1 all patterns in order, 2 finite and of like size, 3 few and far apart, 4
/// tiny.
std::vector<std::byte> weightsOf(ElementType type, std::size_t n, int kind) {
  std::vector<std::byte> bytes(n * bytesOf(type));
  std::vector<float> values(n);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint64_t r = splitmix(static_cast<std::uint64_t>(kind) + 10, i);
    const float unit = static_cast<float>(static_cast<std::int64_t>(r >> 40) - (1 << 23)) * 0x1p-23f;
    if (kind <= 1) {
      const std::uint64_t pattern = kind == 0 ? r : i * (type == ElementType::F32 ? 0x00010001u : 1u);
      std::memcpy(bytes.data() + i * bytesOf(type), &pattern, bytesOf(type));
    }
    values[i] = kind == 2 ? unit * 0.05f : kind == 3 ? (r % 97 ? 0.0f : unit) : unit * 3e-38f;
  }
  if (kind > 1) plain().fromFloat(type, values.data(), n, bytes.data());
  return bytes;
}
constexpr std::size_t kCount = 65536;
constexpr int kKinds = 5;

}  // namespace

void TestQuantizeIsas::quantize4bitAgrees() {
  QFETCH(ElementType, type);
  QFETCH(Isa, isa);
  for (int kind = 0; kind < kKinds; ++kind) {
    const auto weights = weightsOf(type, kCount, kind);
    for (auto format : kFourBit)
      for (unsigned block : kBlocksizes) {
        std::vector<std::uint8_t> expected(kCount / 2), codes(kCount / 2);
        std::vector<float> expectedAbsmax(kCount / block), absmax(kCount / block);
        plain().quantize4bit(fourBitCode(format), type, weights.data(), kCount, block, expected.data(), expectedAbsmax.data());
        kernels::quantizeOps(isa).quantize4bit(fourBitCode(format), type, weights.data(), kCount, block, codes.data(),
                                               absmax.data());
        QVERIFY(codes == expected);
        QVERIFY(bytesFrom(absmax) == bytesFrom(expectedAbsmax));
      }
  }
}

void TestQuantizeIsas::dequantize4bitAgrees() {
  QFETCH(ElementType, type);
  QFETCH(Isa, isa);
  constexpr std::size_t kBlocks = 4096, kN = kBlocks * 32;
  std::vector<std::uint8_t> codes(kN / 2);
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint8_t>(splitmix(3, i));
  std::vector<float> absmax(kBlocks);
  for (std::size_t i = 0; i < kBlocks; ++i) absmax[i] = std::bit_cast<float>(static_cast<std::uint32_t>(splitmix(4, i)));
  for (auto format : kFourBit)
    for (unsigned block : kBlocksizes) {
      std::vector<std::byte> expected(kN * bytesOf(type)), values(kN * bytesOf(type));
      plain().dequantize4bit(fourBitCode(format), codes.data(), kN, block, absmax.data(), type, expected.data());
      kernels::quantizeOps(isa).dequantize4bit(fourBitCode(format), codes.data(), kN, block, absmax.data(), type,
                                               values.data());
      QVERIFY(values == expected);
    }
}

void TestQuantizeIsas::maximaAgree() {
  QFETCH(ElementType, type);
  QFETCH(Isa, isa);
  for (int kind = 0; kind < kKinds; ++kind) {
    const auto weights = weightsOf(type, 5000, kind);
    for (std::size_t run : {1u, 7u, 16u, 31u, 33u, 64u, 100u, 4999u, 5000u, 9000u}) {
      std::vector<float> expected(5000 / run + 1), maxima(5000 / run + 1);
      plain().absmax(type, weights.data(), 5000, run, expected.data());
      kernels::quantizeOps(isa).absmax(type, weights.data(), 5000, run, maxima.data());
      QVERIFY(bytesFrom(maxima) == bytesFrom(expected));
    }
  }
}

void TestQuantizeIsas::int8Agrees() {
  QFETCH(ElementType, type);
  QFETCH(Isa, isa);
  for (int kind = 0; kind < kKinds; ++kind) {
    const auto weights = weightsOf(type, kCount + 13, kind);
    for (float factor : {127.0f, 2540.0f, 1e-30f, 3e38f, 0.0f, INFINITY, NAN}) {
      std::vector<std::int8_t> expected(kCount + 13), codes(kCount + 13);
      plain().quantizeInt8(type, weights.data(), codes.size(), factor, expected.data());
      kernels::quantizeOps(isa).quantizeInt8(type, weights.data(), codes.size(), factor, codes.data());
      QVERIFY(codes == expected);
      std::vector<std::byte> expectedBack(weights.size()), back(weights.size());
      plain().dequantizeInt8(codes.data(), codes.size(), factor, type, expectedBack.data());
      kernels::quantizeOps(isa).dequantizeInt8(codes.data(), codes.size(), factor, type, back.data());
      QVERIFY(back == expectedBack);
    }
  }
}

void TestQuantizeIsas::boundariesAreExact_data() {
  QTest::addColumn<Isa>("isa");
  for (auto isa : kernels::supportedIsas()) QTest::newRow(kernels::nameOf(isa)) << isa;
}

/// A weight on a boundary keeps the lower code, its neighbour above takes the higher one. With absmax 1 the product is the
/// weight.
void TestQuantizeIsas::boundariesAreExact() {
  QFETCH(Isa, isa);
  for (auto format : kFourBit) {
    const auto& book = codeBook(format);
    std::vector<float> weights(64, 0.0f);
    weights[0] = 1;
    for (std::size_t i = 0; i < 15; ++i) {
      weights[2 + 3 * i] = book.boundaries[i];
      weights[3 + 3 * i] = std::nextafter(book.boundaries[i], 2.0f);
      weights[4 + 3 * i] = std::nextafter(book.boundaries[i], -2.0f);
    }
    std::vector<std::uint8_t> codes(32);
    float absmax = 0;
    kernels::quantizeOps(isa).quantize4bit(fourBitCode(format), ElementType::F32, bytesFrom(weights).data(), 64, 64,
                                           codes.data(), &absmax);
    const auto code = [&](std::size_t i) { return i % 2 ? codes[i / 2] & 15 : codes[i / 2] >> 4; };
    QVERIFY(absmax == 1.0f);
    for (std::size_t i = 0; i < 15; ++i) {
      QCOMPARE(code(2 + 3 * i), static_cast<int>(book.order[i]));
      QCOMPARE(code(3 + 3 * i), static_cast<int>(book.order[i + 1]));
      QCOMPARE(code(4 + 3 * i), static_cast<int>(book.order[i]));
    }
  }
}

void TestQuantizeIsas::nothingIsWrittenBeyondTheEnd() {
  QFETCH(ElementType, type);
  QFETCH(Isa, isa);
  const auto& ops = kernels::quantizeOps(isa);
  const auto weights = weightsOf(type, 256, 2);
  std::vector<std::uint8_t> codes(128 + 64, 0xAB);
  std::vector<float> absmax(9, -1.0f);
  ops.quantize4bit(fourBitCode(QuantFormat::Nf4), type, weights.data(), 256, 32, codes.data(), absmax.data());
  QVERIFY(std::all_of(codes.begin() + 128, codes.end(), [](auto byte) { return byte == 0xAB; }));
  QVERIFY(absmax[8] == -1.0f);
  const std::size_t size = 256 * bytesOf(type);
  std::vector<std::byte> back(size + 64, std::byte{0xAB});
  ops.dequantize4bit(fourBitCode(QuantFormat::Nf4), codes.data(), 256, 32, absmax.data(), type, back.data());
  for (std::size_t n : {1u, 5u, 16u, 19u, 40u}) {  // short pieces leave the rest as it was
    std::vector<float> values(n + 16, -7.0f);
    ops.toFloat(type, weights.data(), n, values.data());
    QVERIFY(std::all_of(values.begin() + static_cast<std::ptrdiff_t>(n), values.end(), [](float x) { return x == -7.0f; }));
    std::vector<std::byte> narrow(n * bytesOf(type) + 64, std::byte{0xAB});
    ops.fromFloat(type, values.data(), n, narrow.data());
    QVERIFY(std::all_of(narrow.begin() + static_cast<std::ptrdiff_t>(n * bytesOf(type)), narrow.end(),
                        [](std::byte byte) { return byte == std::byte{0xAB}; }));
  }
  QVERIFY(std::all_of(back.begin() + static_cast<std::ptrdiff_t>(size), back.end(),
                      [](std::byte b) { return b == std::byte{0xAB}; }));
}

QTEST_APPLESS_MAIN(TestQuantizeIsas)
#include "test_quantize_isas.moc"
