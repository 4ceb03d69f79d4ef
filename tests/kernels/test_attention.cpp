// SPDX-License-Identifier: Apache-2.0
// Attention is near the exact softmax, and has the same bits however the tokens come and whoever computes.
#include <cmath>

#include "tests/kernels/matrices.h"

using namespace deltascope::kernels;

namespace {

struct Shape {
  std::uint32_t tokens, heads, kvHeads, headDim, window;
  ElementType type;
};

struct Cache {
  std::vector<std::byte> keys, values;
  KvLayer layer;

  explicit Cache(const Shape& s, std::uint32_t capacity)
      : keys(std::size_t{s.kvHeads} * capacity * s.headDim * bytesOf(s.type)), values(keys.size()) {
    layer = {keys.data(), values.data(), s.type, s.kvHeads, capacity, s.headDim};
  }
};

struct Tokens {
  std::vector<float> q, k, v;
  Tokens(const Shape& s, std::uint32_t seed)
      : q(randomFloats(std::size_t{s.tokens} * s.heads * s.headDim, seed)),
        k(randomFloats(std::size_t{s.tokens} * s.kvHeads * s.headDim, seed + 1)),
        v(randomFloats(std::size_t{s.tokens} * s.kvHeads * s.headDim, seed + 2)) {}
};

float scaleOf(const Shape& s) { return 1 / std::sqrt(static_cast<float>(s.headDim)); }

std::vector<float> attend(Backend& backend, const Shape& s, const Tokens& tokens, std::uint32_t atATime) {
  Cache cache(s, s.tokens);
  std::vector<float> out(tokens.q.size());
  for (std::uint32_t t = 0; t < s.tokens; t += atATime) {
    const std::uint32_t n = std::min(atATime, s.tokens - t);
    const std::size_t kv = std::size_t{t} * s.kvHeads * s.headDim, q = std::size_t{t} * s.heads * s.headDim;
    backend.storeKv({cache.layer, tokens.k.data() + kv, tokens.v.data() + kv, n, t});
    backend.attention({tokens.q.data() + q, out.data() + q, cache.layer, n, t, s.heads, s.window, scaleOf(s)});
  }
  return out;
}

/// In double, with the largest magnitude of the values that took part.
void exact(const Shape& s, const Tokens& tokens, std::size_t token, std::size_t head, std::vector<double>& out, double& largest,
           double& scoreMagnitude) {
  const std::size_t kvHead = head / (s.heads / s.kvHeads), dim = s.headDim;
  const std::size_t first = s.window && token + 1 > s.window ? token + 1 - s.window : 0;
  std::vector<double> scores;
  for (std::size_t j = first; j <= token; ++j) {
    double dot = 0, magnitude = 0;
    for (std::size_t d = 0; d < dim; ++d) {
      const double product = static_cast<double>(tokens.q[(token * s.heads + head) * dim + d]) *
                             roundTo(s.type, tokens.k[(j * s.kvHeads + kvHead) * dim + d]);
      dot += product;
      magnitude += std::abs(product);
    }
    scores.push_back(dot * scaleOf(s));
    scoreMagnitude = std::max(scoreMagnitude, magnitude * scaleOf(s));
  }
  const double top = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& score : scores) sum += score = std::exp(score - top);
  out.assign(dim, 0);
  for (std::size_t j = first; j <= token; ++j) {
    for (std::size_t d = 0; d < dim; ++d) {
      const double v = roundTo(s.type, tokens.v[(j * s.kvHeads + kvHead) * dim + d]);
      out[d] += scores[j - first] / sum * v;
      largest = std::max(largest, std::abs(v));
    }
  }
}

void addShapes() {
  QTest::addColumn<Shape>("shape");
  QTest::newRow("one position") << Shape{1, 2, 2, 64, 0, ElementType::F32};
  QTest::newRow("several blocks") << Shape{150, 2, 2, 64, 0, ElementType::F32};
  QTest::newRow("grouped queries") << Shape{70, 12, 3, 32, 0, ElementType::F32};
  QTest::newRow("one head for eleven") << Shape{20, 11, 1, 48, 0, ElementType::BF16};
  QTest::newRow("odd head size") << Shape{67, 3, 3, 18, 0, ElementType::F32};
  QTest::newRow("odd head size, BF16") << Shape{67, 3, 3, 18, 0, ElementType::BF16};
  QTest::newRow("BF16, long") << Shape{200, 4, 2, 128, 0, ElementType::BF16};
  QTest::newRow("window of one") << Shape{70, 2, 2, 32, 1, ElementType::F32};
  QTest::newRow("sliding window") << Shape{150, 4, 2, 32, 37, ElementType::F32};
  QTest::newRow("window over blocks") << Shape{200, 2, 1, 80, 100, ElementType::BF16};
}

}  // namespace

Q_DECLARE_METATYPE(Shape)

class TestAttention : public QObject {
  Q_OBJECT

 private slots:
  /// A score has an error of at most (headDim / 16 + 6) units of its magnitude M; e^x turns it into a relative one, to which
  /// exp and its subtraction add some 4 + M units; sums over n positions in blocks of 64 add n/16 + 70. Each weight therefore
  /// has a relative error below E, and so has the divisor: the result is off by at most 2 E of the largest value.
  void resultsAreNearTheExactOnes_data() { addShapes(); }
  void resultsAreNearTheExactOnes() {
    QFETCH(Shape, shape);
    const Tokens tokens(shape, 3);
    const auto out = attend(*everyBackend().back().backend, shape, tokens, shape.tokens);
    for (std::size_t token = 0; token < shape.tokens; ++token) {
      for (std::size_t head = 0; head < shape.heads; ++head) {
        std::vector<double> want;
        double largest = 0, magnitude = 0;
        exact(shape, tokens, token, head, want, largest, magnitude);
        const double bound = 2 * kUnit * largest *
                             ((shape.headDim / 16.0 + 6) * magnitude + 2 * magnitude + 4 + static_cast<double>(token) + 71);
        for (std::size_t d = 0; d < shape.headDim; ++d) {
          const double error = std::abs(out[(token * shape.heads + head) * shape.headDim + d] - want[d]);
          QVERIFY2(error <= bound, qPrintable(QString("%1 > %2").arg(error).arg(bound)));
        }
      }
    }
  }

  void bitsDependOnThePositionAlone_data() { addShapes(); }
  void bitsDependOnThePositionAlone() {
    QFETCH(Shape, shape);
    const Tokens tokens(shape, 4);
    const auto want = attend(*everyBackend()[0].backend, shape, tokens, shape.tokens);
    for (const auto& [name, backend] : everyBackend())
      for (std::uint32_t atATime : {1u, 7u, shape.tokens})
        QVERIFY2(difference(attend(*backend, shape, tokens, atATime), want).empty(), name.c_str());
  }

  void largeScoresDoNotOverflow() {
    const Shape shape{80, 1, 1, 16, 0, ElementType::F32};
    Tokens tokens(shape, 5);
    for (float& x : tokens.q) x *= 1e4f;
    for (const auto& [name, backend] : everyBackend())
      for (float x : attend(*backend, shape, tokens, 80)) QVERIFY(std::isfinite(x));
  }

  void nanStaysInItsHead() {
    const Shape shape{66, 2, 2, 16, 0, ElementType::F32};
    Tokens tokens(shape, 5);
    tokens.k[3] = std::numeric_limits<float>::quiet_NaN();
    for (const auto& [name, backend] : everyBackend()) {
      const auto out = attend(*backend, shape, tokens, 66);
      for (std::size_t i = 0; i < out.size(); ++i) QCOMPARE(std::isnan(out[i]), i / 16 % 2 == 0);
    }
  }
};

QTEST_APPLESS_MAIN(TestAttention)
#include "test_attention.moc"
