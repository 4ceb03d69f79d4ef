// SPDX-License-Identifier: Apache-2.0
// Pairs half a head apart turn by their position's angle: two products and a sum, each rounded, whoever computes.
#include "tests/kernels/backends.h"

using namespace deltascope::kernels;

class TestRope : public QObject {
  Q_OBJECT

 private slots:
  void pairsTurn_data() {
    QTest::addColumn<unsigned>("tokens");
    QTest::addColumn<unsigned>("heads");
    QTest::addColumn<unsigned>("headDim");
    QTest::newRow("one pair") << 1u << 1u << 2u;
    QTest::newRow("small model") << 3u << 6u << 48u;
    QTest::newRow("odd half") << 2u << 3u << 18u;
    QTest::newRow("many tokens") << 200u << 8u << 64u;
    QTest::newRow("wide heads") << 5u << 2u << 256u;
    QTest::newRow("the widest heads") << 3u << 2u << 512u;
  }
  void pairsTurn() {
    QFETCH(unsigned, tokens);
    QFETCH(unsigned, heads);
    QFETCH(unsigned, headDim);
    const std::size_t half = headDim / 2;
    const auto x = randomFloats(std::size_t{tokens} * heads * headDim, 1);
    const auto angles = randomFloats(tokens * half, 2, 3);
    std::vector<float> cosine, sine;
    for (float angle : angles) {
      cosine.push_back(std::cos(angle));
      sine.push_back(std::sin(angle));
    }
    auto want = x;
    for (std::size_t t = 0; t < tokens; ++t) {
      for (std::size_t h = 0; h < heads; ++h) {
        for (std::size_t i = 0; i < half; ++i) {
          const std::size_t first = (t * heads + h) * headDim + i;
          const float a = x[first], b = x[first + half], c = cosine[t * half + i], s = sine[t * half + i];
          want[first] = a * c - b * s;
          want[first + half] = b * c + a * s;
        }
      }
    }
    for (const auto& device : everyDevice()) {
      for (const auto& [name, backend] : device) {
        const There<float> y(*backend, x), c(*backend, cosine), s(*backend, sine);
        backend->rope({y.data(), c.data(), s.data(), tokens, heads, headDim});
        const std::string different = difference(y.back(), want);
        QVERIFY2(different.empty(), (name + "; " + different).c_str());
      }
    }
  }

  /// As smaller heads by themselves; what lies behind them stays.
  void aPartOfEachHeadTurns() {
    constexpr std::uint32_t kTokens = 3, kHeads = 2, kHeadDim = 20, kRotated = 12;
    const auto x = randomFloats(kTokens * kHeads * kHeadDim, 1);
    const auto cosine = randomFloats(kTokens * kRotated / 2, 2), sine = randomFloats(kTokens * kRotated / 2, 3);
    for (const auto& device : everyDevice())
      for (const auto& [name, backend] : device) {
        std::vector<float> parts, want = x;
        for (std::size_t head = 0; head < kTokens * kHeads; ++head)
          parts.insert(parts.end(), x.begin() + head * kHeadDim, x.begin() + head * kHeadDim + kRotated);
        const There<float> c(*backend, cosine), s(*backend, sine), apart(*backend, parts), got(*backend, x);
        backend->rope({apart.data(), c.data(), s.data(), kTokens, kHeads, kRotated});
        parts = apart.back();
        for (std::size_t head = 0; head < kTokens * kHeads; ++head)
          std::copy_n(parts.begin() + head * kRotated, kRotated, want.begin() + head * kHeadDim);
        backend->rope({got.data(), c.data(), s.data(), kTokens, kHeads, kHeadDim, kRotated});
        QVERIFY2(difference(got.back(), want).empty(), name.c_str());
      }
  }

  void everyDeviceTakesPart() { skipWithoutGpu(); }
};

QTEST_APPLESS_MAIN(TestRope)
#include "test_rope.moc"
