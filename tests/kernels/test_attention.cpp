// SPDX-License-Identifier: Apache-2.0
// Attention is near the exact softmax, and has the same bits however the tokens come and whoever computes.
#include <cmath>

#include "tests/kernels/matrices.h"

using namespace deltascope::kernels;

namespace {

struct Shape {
  std::uint32_t tokens, heads, kvHeads, headDim, window;
  ElementType type;
  float softCap = 0;
  bool sinks = false;  ///< on the processor alone
};

bool takes(const Opened& opened, const Shape& s) { return isProcessor(opened) || !s.sinks; }

/// Of each head: some below all scores, some above them, one as if it were not there.
std::vector<float> sinksOf(const Shape& s) {
  std::vector<float> sinks(s.sinks ? s.heads : 0);
  for (std::size_t head = 0; head < sinks.size(); ++head) sinks[head] = -4.0f + 3.0f * static_cast<float>(head);
  if (sinks.size() > 1) sinks[1] = -std::numeric_limits<float>::infinity();
  return sinks;
}

struct Cache {
  There<std::byte> keys, values;
  KvLayer layer;

  Cache(Backend& backend, const Shape& s, std::uint32_t capacity)
      : keys(backend, std::vector<std::byte>(std::size_t{s.kvHeads} * capacity * s.headDim * bytesOf(s.type))),
        values(backend, std::vector<std::byte>(std::size_t{s.kvHeads} * capacity * s.headDim * bytesOf(s.type))),
        layer{keys.data(), values.data(), s.type, s.kvHeads, capacity, s.headDim} {}
};

struct Tokens {
  std::vector<float> q, k, v;
  Tokens(const Shape& s, std::uint32_t seed)
      : q(randomFloats(std::size_t{s.tokens} * s.heads * s.headDim, seed)),
        k(randomFloats(std::size_t{s.tokens} * s.kvHeads * s.headDim, seed + 1)),
        v(randomFloats(std::size_t{s.tokens} * s.kvHeads * s.headDim, seed + 2)) {}
};

float scaleOf(const Shape& s) { return 1 / std::sqrt(static_cast<float>(s.headDim)); }

double largestOf(const std::vector<float>& values) {
  double largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(static_cast<double>(value)));
  return largest;
}

std::vector<float> attend(Backend& backend, const Shape& s, const Tokens& tokens, std::uint32_t atATime) {
  const Cache cache(backend, s, s.tokens);
  const There<float> queries(backend, tokens.q), keys(backend, tokens.k), values(backend, tokens.v),
      out(backend, std::vector<float>(tokens.q.size())), sinks(backend, sinksOf(s));
  for (std::uint32_t t = 0; t < s.tokens; t += atATime) {
    const std::uint32_t n = std::min(atATime, s.tokens - t);
    const std::size_t kv = std::size_t{t} * s.kvHeads * s.headDim, q = std::size_t{t} * s.heads * s.headDim;
    backend.storeKv({cache.layer, keys.data() + kv, values.data() + kv, n, t});
    const auto done = backend.attention({queries.data() + q, out.data() + q, cache.layer, n, t, s.heads, s.window, scaleOf(s),
                                         s.softCap, s.sinks ? sinks.data() : nullptr});
    if (!done) qFatal("%s", done.error().message.c_str());
  }
  return out.back();
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
    if (s.softCap > 0) scores.back() = s.softCap * std::tanh(scores.back() / s.softCap);
    scoreMagnitude = std::max(scoreMagnitude, magnitude * scaleOf(s));
  }
  const std::vector<float> sinks = sinksOf(s);
  double top = *std::max_element(scores.begin(), scores.end());
  if (s.sinks) top = std::max<double>(top, sinks[head]);
  double sum = s.sinks ? std::exp(sinks[head] - top) : 0;
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
  QTest::newRow("heads of 256") << Shape{70, 6, 2, 256, 0, ElementType::F32};
  QTest::newRow("heads of 258") << Shape{70, 5, 1, 258, 0, ElementType::BF16};
  QTest::newRow("heads of 512") << Shape{150, 6, 2, 512, 0, ElementType::BF16};
  QTest::newRow("soft cap") << Shape{150, 4, 2, 32, 0, ElementType::F32, 0.5f};
  QTest::newRow("soft cap, heads of 64, many tokens") << Shape{150, 8, 2, 64, 0, ElementType::BF16, 3};
  QTest::newRow("soft cap, heads of 128, many tokens") << Shape{150, 4, 1, 128, 0, ElementType::F32, 1};
  QTest::newRow("soft cap in a window") << Shape{70, 3, 3, 18, 37, ElementType::BF16, 50};
  QTest::newRow("sinks") << Shape{150, 6, 2, 32, 0, ElementType::F32, 0, true};
  QTest::newRow("sinks in a window") << Shape{70, 11, 1, 18, 37, ElementType::BF16, 0, true};
  QTest::newRow("heads of 512, FP32, window") << Shape{70, 8, 1, 512, 33, ElementType::F32};
}

}  // namespace

Q_DECLARE_METATYPE(Shape)

class TestAttention : public QObject {
  Q_OBJECT

 private slots:
  /// A score has an error of at most (headDim / 16 + 6) units of its magnitude M; e^x turns it into a relative one, to which
  /// exp and its subtraction add some 4 + M units; sums over n positions in blocks of 64 add n/16 + 70. Each weight therefore
  /// has a relative error below E, and so has the divisor: the result is off by at most 2 E of the largest value. A soft cap is
  /// nowhere steeper than 1, and adds 10 units of M (see test_elementwise).
  void resultsAreNearTheExactOnes_data() { addShapes(); }
  void resultsAreNearTheExactOnes() {
    QFETCH(Shape, shape);
    const Tokens tokens(shape, 3);
    for (const auto& device : everyDevice()) {
      if (!takes(device.front(), shape)) continue;
      const auto out = attend(*device.back().backend, shape, tokens, shape.tokens);
      for (std::size_t token = 0; token < shape.tokens; ++token) {
        for (std::size_t head = 0; head < shape.heads; ++head) {
          std::vector<double> want;
          double largest = 0, magnitude = 0;
          exact(shape, tokens, token, head, want, largest, magnitude);
          const double scores = shape.headDim / 16.0 + 8 + (shape.softCap > 0 ? 10 : 0);
          const double bound = 2 * kUnit * largest * (scores * magnitude + 4 + static_cast<double>(token) + 71);
          for (std::size_t d = 0; d < shape.headDim; ++d) {
            const double error = std::abs(out[(token * shape.heads + head) * shape.headDim + d] - want[d]);
            QVERIFY2(error <= bound, qPrintable(QString("%1 > %2").arg(error).arg(bound)));
          }
        }
      }
    }
  }

  void bitsDependOnThePositionAlone_data() { addShapes(); }
  void bitsDependOnThePositionAlone() {
    QFETCH(Shape, shape);
    const Tokens tokens(shape, 4);
    for (const auto& device : everyDevice()) {
      if (!takes(device.front(), shape)) continue;
      const auto want = attend(*device.front().backend, shape, tokens, shape.tokens);
      for (const auto& [name, backend] : device)
        for (std::uint32_t atATime : {1u, 7u, shape.tokens})
          QVERIFY2(difference(attend(*backend, shape, tokens, atATime), want).empty(), name.c_str());
    }
  }

  /// One call for norms, rotation, storing and attention gives what one call each gives. A GPU sums a head's squares in another
  /// order in each: queries and keys are off by (headDim / 32 + 16) units more (see test_rms_norm; rotation adds 4), twice that
  /// in a score, whose magnitude M is at most that of two heads: their norms' weights are at most 1/2, so that it is
  /// √headDim / 4. Both are off from the exact result as below. A cache of BF16 makes 2⁻⁸ of a unit that turns a rounding.
  void attendIsItsPartsInOrder_data() { addShapes(); }
  void attendIsItsPartsInOrder() {
    QFETCH(Shape, shape);
    comparesWithItsParts(shape, true, shape.headDim);
  }

  /// The same of heads without norms, of which a part turns, or nothing.
  void attendTurnsAPart_data() {
    QTest::addColumn<int>("headDim");
    QTest::addColumn<int>("part");
    for (int headDim : {18, 64, 128, 256})
      for (int part : {0, 2, headDim / 2 / 2 * 2, headDim}) QTest::addRow("%d of %d", part, headDim) << headDim << part;
  }
  void attendTurnsAPart() {
    QFETCH(int, headDim);
    QFETCH(int, part);
    for (const auto type : {ElementType::F32, ElementType::BF16})
      comparesWithItsParts({70, 8, 2, static_cast<std::uint32_t>(headDim), 37, type}, part % 4 == 0,
                           static_cast<std::uint32_t>(part));
  }

 private:
  /// `part`: of each head the first so many elements. Weights of norms are one less where one is added to them.
  void comparesWithItsParts(const Shape& shape, bool addOne, std::uint32_t part) {
    const Tokens tokens(shape, 6);
    const std::size_t half = part / 2;
    const auto angles = randomFloats(shape.tokens * half, 9);
    std::vector<float> cosine, sine;
    for (const float angle : angles) {
      cosine.push_back(std::cos(angle));
      sine.push_back(std::sin(angle));
    }
    std::vector<float> weights(shape.headDim, 0.5f);
    for (std::size_t i = 0; i < weights.size(); i += 3) weights[i] = -0.25f;
    if (addOne)
      for (float& weight : weights) weight -= 1;
    const auto norm = toBytes(ElementType::BF16, weights);
    for (const auto& device : everyDevice()) {
      if (!takes(device.front(), shape)) continue;
      Backend& backend = *device.back().backend;
      const There<float> q(backend, tokens.q), k(backend, tokens.k), v(backend, tokens.v), c(backend, cosine), s(backend, sine);
      const There<float> apartQ(backend, tokens.q), apartK(backend, tokens.k);
      const There<float> out(backend, std::vector<float>(tokens.q.size())), apart(backend, std::vector<float>(tokens.q.size()));
      const There<std::byte> weight(backend, norm);
      const Cache cache(backend, shape, shape.tokens), apartCache(backend, shape, shape.tokens);
      for (std::uint32_t t = 0; t < shape.tokens;) {
        const std::uint32_t n = t == 0 ? std::max(1u, shape.tokens / 2) : 1;  // a prompt, then token after token
        const std::size_t kv = std::size_t{t} * shape.kvHeads * shape.headDim,
                          at = std::size_t{t} * shape.heads * shape.headDim;
        AttendArgs args;
        args.q = q.data() + at;
        args.k = k.data() + kv;
        args.v = v.data() + kv;
        args.queryNorm = args.keyNorm = weight.data();
        args.addOne = addOne;
        if (part > 0) args.cosine = c.data() + t * half;
        if (part > 0) args.sine = s.data() + t * half;
        if (part < shape.headDim) args.rotated = part;
        args.cache = cache.layer;
        args.out = out.data() + at;
        args.tokens = n;
        args.firstPosition = t;
        args.heads = shape.heads;
        args.window = shape.window;
        args.scale = scaleOf(shape);
        args.softCap = shape.softCap;
        const There<float> sinks(backend, sinksOf(shape));
        if (shape.sinks) args.sinks = sinks.data();
        QVERIFY(backend.attend(args).has_value());
        args.q = apartQ.data() + at;
        args.k = apartK.data() + kv;
        args.cache = apartCache.layer;
        args.out = apart.data() + at;
        QVERIFY(backend.Backend::attend(args).has_value());
        t += n;
      }
      const auto want = apart.back(), got = out.back();
      if (isProcessor(device.back())) {
        QCOMPARE(difference(got, want), std::string());
        continue;
      }
      const double dim = shape.headDim, magnitude = std::sqrt(dim) / 4, largest = largestOf(tokens.v);
      const double units = (dim / 16 + 6 + 2 * (dim / 32 + 20) + 2) * magnitude + 4 + shape.tokens + 71;
      const double turned = shape.type == ElementType::BF16 ? 0x1p-8 * magnitude : 0;
      for (std::size_t i = 0; i < got.size(); ++i)
        QVERIFY2(std::abs(got[i] - want[i]) <= 2 * largest * (2 * kUnit * units + turned),
                 qPrintable(QString("%1: %2, %3").arg(i).arg(got[i]).arg(want[i])));
    }
  }

 private slots:
  void whatCannotBeIsRefused_data() {
    QTest::addColumn<Shape>("shape");
    QTest::addColumn<unsigned>("capacity");
    QTest::addColumn<QString>("says");
    QTest::newRow("queries that the keys do not share") << Shape{2, 5, 2, 32, 0, ElementType::F32} << 2u << "5 heads of 32";
    QTest::newRow("no key-value heads") << Shape{2, 4, 0, 32, 0, ElementType::F32} << 2u << "over 0 key-value heads";
    QTest::newRow("more tokens than places") << Shape{3, 2, 2, 32, 0, ElementType::BF16} << 2u << "in a cache of 2";
    QTest::newRow("a head wider than any") << Shape{1, 1, 1, 0, 0, ElementType::F32} << 1u << "wider than";
  }
  /// Before anything is touched: the pointers lead nowhere.
  void whatCannotBeIsRefused() {
    QFETCH(Shape, shape);
    QFETCH(unsigned, capacity);
    QFETCH(QString, says);
    for (const auto& device : everyDevice()) {
      Backend& backend = *device.back().backend;
      if (says == "wider than") {
        if (backend.mostHeadDim() == ~0u) continue;  // any width goes
        shape.headDim = backend.mostHeadDim() + 2;
      }
      AttendArgs args;
      args.cache = {nullptr, nullptr, shape.type, shape.kvHeads, capacity, shape.headDim};
      args.tokens = shape.tokens;
      args.heads = shape.heads;
      for (const auto& done : {backend.attend(args), backend.attention(attentionOf(args))}) {
        QVERIFY(!done);
        QVERIFY(done.error().kind == Failure::Kind::Unsupported);
        QVERIFY2(done.error().message.find(says.toStdString()) != std::string::npos, done.error().message.c_str());
        QVERIFY(done.error().message.find(backend.device().id) != std::string::npos);
      }
    }
  }

  void largeScoresDoNotOverflow() {
    const Shape shape{80, 1, 1, 16, 0, ElementType::F32};
    Tokens tokens(shape, 5);
    for (float& x : tokens.q) x *= 1e4f;
    for (const auto& device : everyDevice())
      for (const auto& [name, backend] : device)
        for (float x : attend(*backend, shape, tokens, 80)) QVERIFY(std::isfinite(x));
  }

  void nanStaysInItsHead() {
    const Shape shape{66, 2, 2, 16, 0, ElementType::F32};
    Tokens tokens(shape, 5);
    tokens.k[3] = std::numeric_limits<float>::quiet_NaN();
    for (const auto& device : everyDevice())
      for (const auto& [name, backend] : device) {
        const auto out = attend(*backend, shape, tokens, 66);
        for (std::size_t i = 0; i < out.size(); ++i) QCOMPARE(std::isnan(out[i]), i / 16 % 2 == 0);
      }
  }

  void everyDeviceTakesPart() { skipWithoutGpu(); }
};

QTEST_APPLESS_MAIN(TestAttention)
#include "test_attention.moc"
