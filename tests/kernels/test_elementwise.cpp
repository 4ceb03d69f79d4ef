// SPDX-License-Identifier: Apache-2.0
// The exponential is within 2 ulp everywhere, gates and soft caps follow from it, and every instruction set gives the same
// bits.
#include <cmath>
#include <numbers>

#include "kernels/cpu/cpu_ops.h"
#include "tests/kernels/backends.h"

using namespace deltascope::kernels;

namespace {

/// Units in the last place of a float near `exact`, with gradual underflow.
double ulpAt(double exact) { return std::ldexp(1.0, std::max(std::ilogb(exact), -126) - 23); }

std::vector<float> gate(Backend& backend, const std::vector<float>& g, const std::vector<float>& up) {
  const There<float> gates(backend, g), ups(backend, up), out(backend, std::vector<float>(g.size()));
  backend.siluMultiply({gates.data(), ups.data(), out.data(), g.size()});
  return out.back();
}

}  // namespace

class TestElementwise : public QObject {
  Q_OBJECT

 private slots:
  /// Every 257th float: all exponents, both signs, and all that lies between.
  void exponentialsAreWithinTwoUlp() {
    std::vector<float> x, y;
    for (std::uint64_t bits = 0; bits < std::uint64_t{1} << 32; bits += 257) {
      const float value = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
      if (value > -110 && value < 95 && std::abs(value) > 1e-9f) x.push_back(value);
    }
    y.resize(x.size());
    cpuOps(bestIsa()).exp(x.data(), y.data(), x.size());
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double exact = std::exp(static_cast<double>(x[i]));
      if (exact >= std::ldexp(1 - 0x1p-25, 128)) {
        QCOMPARE(y[i], std::numeric_limits<float>::infinity());
        continue;
      }
      worst = std::max(worst, std::abs(y[i] - exact) / ulpAt(exact));
    }
    QVERIFY2(worst <= 2, qPrintable(QString::number(worst)));
    for (Isa isa : supportedIsas()) {
      std::vector<float> other(x.size());
      cpuOps(isa).exp(x.data(), other.data(), x.size());
      QVERIFY2(difference(other, y).empty(), nameOf(isa));
    }
  }

  void exponentialsOfSpecialValues() {
    const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> x{0.0f, -0.0f, 1e-45f, -1e-45f, -infinity, infinity, -3e38f, 3e38f, 1e-20f};
    const std::vector<float> want{1, 1, 1, 1, 0, infinity, 0, infinity, 1};
    for (Isa isa : supportedIsas()) {
      std::vector<float> y(x.size());
      cpuOps(isa).exp(x.data(), y.data(), x.size());
      QCOMPARE(difference(y, want), std::string());
      float result = 0;
      cpuOps(isa).exp(&nan, &result, 1);
      QVERIFY(std::isnan(result));
    }
  }

  /// Exponential 2 ulp of at most 2 units each, then a sum, a division and a product: below 8 units of the result, and a
  /// denormal's own step where it underflows. Below −88 the exponential may be infinite: then 0 stands for less than 1e-36.
  void gatesAreNearTheExactOnes_data() {
    QTest::addColumn<int>("count");
    for (int count : {1, 15, 16, 17, 1000, 100003}) QTest::addRow("%d", count) << count;
  }
  void gatesAreNearTheExactOnes() {
    QFETCH(int, count);
    const auto g = randomFloats(static_cast<std::size_t>(count), 1, 25), up = randomFloats(g.size(), 2);
    for (const auto& device : everyDevice()) {
      const auto out = gate(*device.front().backend, g, up);
      for (std::size_t i = 0; i < g.size(); ++i) {
        const double want = g[i] / (1 + std::exp(-static_cast<double>(g[i]))) * up[i];
        QVERIFY(std::abs(out[i] - want) <= 8 * kUnit * std::abs(want) + (g[i] < -88 ? 1e-36 * std::abs(up[i]) : 0x1p-148));
      }
      for (const auto& [name, backend] : device) {
        QVERIFY2(difference(gate(*backend, g, up), out).empty(), name.c_str());
        const There<float> inPlace(*backend, g), ups(*backend, up);
        backend->siluMultiply({inPlace.data(), ups.data(), inPlace.data(), g.size()});
        QVERIFY2(difference(inPlace.back(), out).empty(), name.c_str());
      }
    }
  }

  void gatesOfLargeValues() {
    const std::vector<float> g{-1e4f, 1e4f, -200, 200}, up{1, 1, 2, 2};
    for (const auto& device : everyDevice())
      for (const auto& [name, backend] : device)
        QCOMPARE(difference(gate(*backend, g, up), {-0.0f, 1e4f, -0.0f, 400}), std::string());
  }

  /// The exponent −2u has four roundings, each of which e^x turns into |2u| units; then exponential, sum, division and product.
  /// Where the exponential is above the largest float, 0 stands for less than 1e-36.
  void gelusAreNearTheExactOnes_data() { gatesAreNearTheExactOnes_data(); }
  void gelusAreNearTheExactOnes() {
    QFETCH(int, count);
    const auto g = randomFloats(static_cast<std::size_t>(count), 1, 3), up = randomFloats(g.size(), 2);
    for (const auto& device : everyDevice()) {
      std::vector<float> first;
      for (const auto& [name, backend] : device) {
        const There<float> out(*backend, g), ups(*backend, up);
        QVERIFY(backend->geluMultiply({out.data(), ups.data(), out.data(), g.size()}));
        if (first.empty()) first = out.back();
        QVERIFY2(difference(out.back(), first).empty(), name.c_str());
      }
      for (std::size_t i = 0; i < g.size(); ++i) {
        const double x = g[i], u = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
        const double want = x / (1 + std::exp(-2 * u)) * up[i];
        const double bound =
            (4 * std::abs(2 * u) + 8) * kUnit * std::abs(want) + (2 * u < -87 ? 1e-36 * std::abs(x * up[i]) : 0x1p-148);
        QVERIFY2(std::abs(first[i] - want) <= bound, qPrintable(QString("%1: %2, %3").arg(x).arg(first[i]).arg(want)));
      }
    }
  }

  /// The exponent has two roundings, each of which e^x turns into |slope · g| units; then exponential, sum, division, the sum
  /// with 1 and the product.
  void clampedGatesAreNearTheExactOnes_data() { gatesAreNearTheExactOnes_data(); }
  void clampedGatesAreNearTheExactOnes() {
    QFETCH(int, count);
    constexpr float kSlope = 1.702f, kLimit = 7;
    const auto pairs = randomFloats(2 * static_cast<std::size_t>(count), 1, 5);
    std::vector<float> first;
    for (const auto& [name, backend] : everyBackend()) {
      std::vector<float> out(static_cast<std::size_t>(count));
      QVERIFY(backend->clampedGateMultiply({pairs.data(), out.data(), out.size(), kSlope, kLimit}));
      if (first.empty()) first = out;
      QVERIFY2(difference(out, first).empty(), name.c_str());
    }
    for (std::size_t i = 0; i < first.size(); ++i) {
      const double g = std::min(pairs[2 * i], kLimit), up = std::clamp(pairs[2 * i + 1], -kLimit, kLimit);
      const double want = g / (1 + std::exp(-static_cast<double>(kSlope) * g)) * (1 + up);
      const double bound = (2 * std::abs(kSlope * g) + 9) * kUnit * std::abs(want) + 0x1p-148;
      QVERIFY2(std::abs(first[i] - want) <= bound, qPrintable(QString("%1, %2: %3").arg(g).arg(up).arg(first[i])));
    }
    const float nan = std::numeric_limits<float>::quiet_NaN();
    for (const std::vector<float>& pair : {std::vector{nan, 1.0f}, std::vector{1.0f, nan}}) {
      float out = 0;
      QVERIFY(everyBackend().back().backend->clampedGateMultiply({pair.data(), &out, 1, kSlope, kLimit}));
      QVERIFY(std::isnan(out));
    }
  }

  /// Two roundings, whose effect the slope of at most 1 does not enlarge, and the tangent's 4 ulp.
  void softCapsAreNearTheExactOnes() {
    const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    for (const float cap : {0.5f, 30.0f, 50.0f}) {
      auto x = randomFloats(100003, 3, cap);
      x.insert(x.end(), {0.0f, -0.0f, 1e-30f, -1e-30f, 0.625f * cap, -0.625f * cap, 1e4f, -1e4f, infinity, -infinity});
      for (const auto& device : everyDevice()) {
        std::vector<float> first;
        for (const auto& [name, backend] : device) {
          const There<float> out(*backend, x), none(*backend, std::vector<float>{nan});
          QVERIFY(backend->softCap({out.data(), x.size(), cap}));
          if (first.empty()) first = out.back();
          QVERIFY2(difference(out.back(), first).empty(), name.c_str());
          QVERIFY(backend->softCap({none.data(), 1, cap}));
          QVERIFY(std::isnan(none.back()[0]));
        }
        for (std::size_t i = 0; i < x.size(); ++i) {
          const double want = cap * std::tanh(static_cast<double>(x[i]) / cap);
          QVERIFY2(std::abs(first[i] - want) <= 10 * kUnit * std::abs(want),
                   qPrintable(QString("%1: %2").arg(x[i]).arg(first[i])));
        }
      }
    }
  }

  void sumsAndProductsAreRoundedEach() {
    const auto x = randomFloats(70001, 4), y = randomFloats(x.size(), 5);
    std::vector<float> sums = y, products = x;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const float product = 0.3f * x[i];
      sums[i] = y[i] + product;
      products[i] = product;
    }
    for (const auto& device : everyDevice())
      for (const auto& [name, backend] : device) {
        const There<float> from(*backend, x), into(*backend, y), scaled(*backend, x);
        QVERIFY(backend->addScaled({from.data(), into.data(), x.size(), 0.3f}));
        QVERIFY(backend->scale({scaled.data(), x.size(), 0.3f}));
        QVERIFY2(difference(into.back(), sums).empty() && difference(scaled.back(), products).empty(), name.c_str());
      }
  }

  void everyDeviceTakesPart() { skipWithoutGpu(); }
};

QTEST_APPLESS_MAIN(TestElementwise)
#include "test_elementwise.moc"
