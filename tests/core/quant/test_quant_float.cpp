// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "golden.h"

using namespace deltascope;
using namespace deltascope::test;
using kernels::ElementType;

namespace {

/// The value of a 16-bit pattern by its definition; infinity where the exponent is all ones.
double valueOf(DType dtype, unsigned pattern) {
  const int mantissaBits = dtype == DType::BF16 ? 7 : 10, bias = dtype == DType::BF16 ? 127 : 15;
  const unsigned mantissa = pattern & ((1u << mantissaBits) - 1), exponent = (pattern & 0x7FFF) >> mantissaBits;
  const unsigned top = 0x7FFFu >> mantissaBits;
  const double sign = pattern & 0x8000 ? -1 : 1;
  if (exponent == top) return mantissa ? std::nan("") : sign * std::numeric_limits<double>::infinity();
  const int power = exponent ? static_cast<int>(exponent) : 1;
  const double fraction = mantissa + (exponent ? std::ldexp(1.0, mantissaBits) : 0.0);
  return sign * std::ldexp(fraction, power - bias - mantissaBits);
}

std::uint16_t rounded(const kernels::QuantizeOps& ops, ElementType type, float x) {
  std::array<float, 16> from;  // wide enough for the vector path
  from.fill(x);
  std::array<std::uint16_t, 16> into{};
  ops.fromFloat(type, from.data(), 16, reinterpret_cast<std::byte*>(into.data()));
  return into[7];
}

}  // namespace

class TestQuantFloat : public QObject {
  Q_OBJECT
 private slots:
  void everyPatternHasItsValue_data() { rows(); }
  void everyPatternHasItsValue();
  void everyNumberComesBack_data() { rows(); }
  void everyNumberComesBack();
  void halfwayGoesToEven_data() { rows(); }
  void halfwayGoesToEven();
  void nanBecomesCanonical();
  void fp32PassesThrough();

 private:
  static void rows();
};

void TestQuantFloat::rows() {
  QTest::addColumn<DType>("dtype");
  QTest::addColumn<kernels::Isa>("isa");
  for (auto isa : kernels::supportedIsas())
    for (auto [name, dtype] : {NamedType{"bf16", DType::BF16}, NamedType{"f16", DType::F16}})
      QTest::addRow("%s %s", name, kernels::nameOf(isa)) << dtype << isa;
}

void TestQuantFloat::everyPatternHasItsValue() {
  QFETCH(DType, dtype);
  QFETCH(kernels::Isa, isa);
  std::vector<std::uint16_t> patterns(65536);
  for (unsigned i = 0; i < 65536; ++i) patterns[i] = static_cast<std::uint16_t>(i);
  std::vector<float> values(65536);
  kernels::quantizeOps(isa).toFloat(dtype == DType::BF16 ? ElementType::BF16 : ElementType::F16,
                                    reinterpret_cast<const std::byte*>(patterns.data()), 65536, values.data());
  for (unsigned i = 0; i < 65536; ++i) {
    const double expected = valueOf(dtype, i);
    if (std::isnan(expected)) {
      QVERIFY2(std::isnan(values[i]), qPrintable(QString::number(i, 16)));
      QCOMPARE(std::signbit(values[i]), (i & 0x8000) != 0);
    } else {
      QVERIFY2(static_cast<double>(values[i]) == expected && std::signbit(values[i]) == std::signbit(expected),
               qPrintable(QString::number(i, 16)));
    }
  }
}

void TestQuantFloat::everyNumberComesBack() {
  QFETCH(DType, dtype);
  QFETCH(kernels::Isa, isa);
  const auto type = dtype == DType::BF16 ? ElementType::BF16 : ElementType::F16;
  const auto& ops = kernels::quantizeOps(isa);
  std::vector<std::uint16_t> patterns, back;
  for (unsigned i = 0; i < 65536; ++i)
    if (!std::isnan(valueOf(dtype, i))) patterns.push_back(static_cast<std::uint16_t>(i));
  std::vector<float> values(patterns.size());
  back.resize(patterns.size());
  ops.toFloat(type, reinterpret_cast<const std::byte*>(patterns.data()), values.size(), values.data());
  ops.fromFloat(type, values.data(), values.size(), reinterpret_cast<std::byte*>(back.data()));
  QVERIFY(back == patterns);
}

void TestQuantFloat::halfwayGoesToEven() {
  QFETCH(DType, dtype);
  QFETCH(kernels::Isa, isa);
  const auto type = dtype == DType::BF16 ? ElementType::BF16 : ElementType::F16;
  const auto& ops = kernels::quantizeOps(isa);
  const unsigned infinity = dtype == DType::BF16 ? 0x7F80 : 0x7C00;
  for (unsigned low = 0; low < infinity; ++low) {
    const double below = valueOf(dtype, low);
    // Infinity rounds as if it were the next number of the same spacing.
    const double above = low + 1 < infinity ? valueOf(dtype, low + 1) : 2 * below - valueOf(dtype, low - 1);
    const auto middle = static_cast<float>((below + above) / 2);
    const unsigned even = low % 2 ? low + 1 : low;
    for (unsigned sign : {0u, 0x8000u}) {
      const float s = sign ? -1.0f : 1.0f;
      QCOMPARE(rounded(ops, type, s * middle), static_cast<std::uint16_t>(sign | even));
      QCOMPARE(rounded(ops, type, s * std::nextafter(middle, 0.0f)), static_cast<std::uint16_t>(sign | low));
      QCOMPARE(rounded(ops, type, s * std::nextafter(middle, INFINITY)), static_cast<std::uint16_t>(sign | (low + 1)));
    }
  }
  QCOMPARE(rounded(ops, type, std::numeric_limits<float>::max()), static_cast<std::uint16_t>(infinity));
  QCOMPARE(rounded(ops, type, 1e-45f), std::uint16_t{0});
}

void TestQuantFloat::nanBecomesCanonical() {
  for (auto isa : kernels::supportedIsas())
    for (std::uint32_t bits : {0x7F800001u, 0x7FC00000u, 0xFFFFFFFFu, 0x7F80FFFFu, 0xFF800001u, 0x7FFFFFFFu}) {
      const auto x = std::bit_cast<float>(bits);
      QCOMPARE(rounded(kernels::quantizeOps(isa), ElementType::BF16, x), std::uint16_t{0x7FC0});
      QCOMPARE(rounded(kernels::quantizeOps(isa), ElementType::F16, x), std::uint16_t{0x7E00});
      std::array<float, 17> from;
      from.fill(x);
      std::array<std::uint32_t, 17> into{};
      kernels::quantizeOps(isa).fromFloat(ElementType::F32, from.data(), 17, reinterpret_cast<std::byte*>(into.data()));
      for (auto pattern : into) QCOMPARE(pattern, 0x7FC00000u);
    }
}

void TestQuantFloat::fp32PassesThrough() {
  std::vector<std::uint32_t> bits;
  for (std::uint64_t i = 0; i < 100003; ++i) {
    const auto pattern = static_cast<std::uint32_t>(splitmix(5, i));
    if ((pattern & 0x7FFFFFFF) <= 0x7F800000) bits.push_back(pattern);
  }
  const auto bytes = bytesFrom(bits);
  std::vector<float> values(bits.size());
  std::vector<std::byte> back(bytes.size());
  toFloat(DType::F32, bytes, values);
  fromFloat(DType::F32, values, back);
  QVERIFY(back == bytes);
}

QTEST_APPLESS_MAIN(TestQuantFloat)
#include "test_quant_float.moc"
