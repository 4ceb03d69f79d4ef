// SPDX-License-Identifier: Apache-2.0
// Products have the bits that kernels/ops/matmul.h defines, whatever the weight's form, the threads and the instruction set.
#include "tests/kernels/matrices.h"

using namespace deltascope::kernels;

namespace {

/// The definition, word for word.
float canonical(const float* w, const float* x, std::size_t columns) {
  float s[16] = {};
  for (std::size_t c = 0; c < columns; ++c) s[c % 32 / 2] = std::fma(w[c], x[c], s[c % 32 / 2]);
  for (std::size_t half : {8u, 4u, 2u, 1u})
    for (std::size_t j = 0; j < half; ++j) s[j] += s[j + half];
  return s[0];
}

/// The same of a transposed weight.
float canonicalColumn(const float* w, std::size_t columns, const float* x, std::size_t rows) {
  float sum = 0;
  for (std::size_t begin = 0; begin < rows; begin += 64) {
    float run = 0;
    for (std::size_t r = begin; r < std::min(rows, begin + 64); ++r) run = std::fma(w[r * columns], x[r], run);
    sum += run;
  }
  return sum;
}

struct Case {
  std::uint32_t tokens = 1;
  std::vector<float> x, bias, before;
  bool accumulate = false;
};

std::size_t inputsOf(const TestMatrix& m) { return m.matrix.transposed ? m.matrix.rows : m.matrix.columns; }
std::size_t outputsOf(const TestMatrix& m) { return m.matrix.transposed ? m.matrix.columns : m.matrix.rows; }

Case makeCase(const TestMatrix& m, std::uint32_t tokens, std::uint32_t seed) {
  Case c;
  c.tokens = tokens;
  c.x = randomFloats(tokens * inputsOf(m), seed);
  if (seed % 2) c.bias = randomFloats(outputsOf(m), seed + 1);
  for (float& b : c.bias) b = roundTo(ElementType::BF16, b);
  c.accumulate = seed % 3 == 0;
  c.before = randomFloats(tokens * outputsOf(m), seed + 2);
  return c;
}

std::vector<float> expected(const TestMatrix& m, const Case& c) {
  std::vector<float> y = c.before;
  const std::size_t rows = outputsOf(m), columns = inputsOf(m);
  for (std::size_t t = 0; t < c.tokens; ++t) {
    for (std::size_t r = 0; r < rows; ++r) {
      float sum = m.matrix.transposed ? canonicalColumn(&m.wide[r], rows, &c.x[t * columns], columns)
                                      : canonical(&m.wide[r * columns], &c.x[t * columns], columns);
      if (!c.bias.empty()) sum += c.bias[r];
      y[t * rows + r] = c.accumulate ? sum + y[t * rows + r] : sum;
    }
  }
  return y;
}

/// Bias, x and y in a backend's memory.
struct Places {
  const void* bias;
  const float* x;
  float* y;
};

/// `atATime` tokens in a call.
void multiply(Backend& backend, const TestMatrix& m, const Matrix& weight, const Case& c, const Places& places,
              std::uint32_t atATime) {
  for (std::uint32_t t = 0; t < c.tokens; t += atATime) {
    if (m.source) m.source->restart();
    MatmulArgs args;
    args.weight = weight;
    args.x = places.x + t * inputsOf(m);
    args.y = places.y + t * outputsOf(m);
    args.tokens = std::min(atATime, c.tokens - t);
    args.bias = c.bias.empty() ? nullptr : places.bias;
    args.biasType = ElementType::BF16;
    args.accumulate = c.accumulate;
    if (auto done = backend.matmul(args); !done) qFatal("%s", done.error().message.c_str());
  }
}

std::vector<float> multiply(Backend& backend, const TestMatrix& m, const Case& c, std::uint32_t atATime) {
  const There<std::byte> bias(backend, toBytes(ElementType::BF16, c.bias));
  const There<float> x(backend, c.x), y(backend, c.before);
  const MatrixThere weight(backend, m);
  multiply(backend, m, weight.matrix, c, {bias.data(), x.data(), y.data()}, atATime);
  return y.back();
}

/// The same from memory that is not the backend's, so that its account holds what the product takes alone.
std::vector<float> multiplyUncounted(Backend& processor, const TestMatrix& m, const Case& c) {
  const auto bias = toBytes(ElementType::BF16, c.bias);
  std::vector<float> y = c.before;
  multiply(processor, m, m.matrix, c, {bias.data(), c.x.data(), y.data()}, c.tokens);
  return y;
}

/// A GPU adds in an order of its own, in which x comes as up to three parts: 3 n products in any order, bias and what y held
/// are off by at most (3 n + 8) units of the sum of magnitudes, twice that where its tensor units cut instead of rounding.
std::string farFromExact(const TestMatrix& m, const Case& c, const std::vector<float>& y) {
  const std::size_t rows = m.matrix.rows, columns = m.matrix.columns;
  for (std::size_t t = 0; t < c.tokens; ++t)
    for (std::size_t r = 0; r < rows; ++r) {
      double sum = c.bias.empty() ? 0 : c.bias[r], magnitude = std::abs(sum);
      for (std::size_t i = 0; i < columns; ++i) {
        const double product = static_cast<double>(m.wide[r * columns + i]) * c.x[t * columns + i];
        sum += product;
        magnitude += std::abs(product);
      }
      if (c.accumulate) {
        sum += c.before[t * rows + r];
        magnitude += std::abs(c.before[t * rows + r]);
      }
      if (!(magnitude < 1e30)) continue;  // may overflow on the way
      const double bound = 1.01 * 2 * (3.0 * static_cast<double>(columns) + 8) * kUnit * magnitude + 0x1p-140;
      if (!(std::abs(y[t * rows + r] - sum) <= bound))
        return "row " + std::to_string(r) + " of token " + std::to_string(t) + " is " + std::to_string(y[t * rows + r]) +
               ", not " + std::to_string(sum);
    }
  return {};
}

}  // namespace

class TestMatmul : public QObject {
  Q_OBJECT

 private slots:
  void bitsFollowFromTheDefinition_data() {
    QTest::addColumn<int>("rows");
    QTest::addColumn<int>("columns");
    QTest::addColumn<int>("tokens");
    for (int columns : {1, 31, 32, 33, 48, 64, 199, 512, 513, 1120})
      for (int rows : {1, 5, 70})
        QTest::addRow("%d x %d", rows, columns) << rows << columns << (rows == 5 ? 9 : rows == 1 ? 3 : 1);
    QTest::newRow("more tokens than a tile") << 67 << 96 << 101;
    QTest::newRow("many tokens, odd columns") << 9 << 545 << 50;
    QTest::newRow("long rows") << 6 << 30001 << 2;
    QTest::newRow("long rows, a multiple of 32") << 6 << 30016 << 5;
  }
  void bitsFollowFromTheDefinition() {
    QFETCH(int, rows);
    QFETCH(int, columns);
    QFETCH(int, tokens);
    std::uint32_t seed = static_cast<std::uint32_t>(rows * 1000 + columns);
    for (const auto& [name, m] : everyMatrix(rows, columns, seed)) {
      const Case c = makeCase(m, static_cast<std::uint32_t>(tokens), ++seed);
      const auto want = expected(m, c);
      for (const auto& [backendName, backend] : everyBackend()) {
        for (std::uint32_t atATime : {1u, 4u, c.tokens}) {
          const std::string different = difference(multiply(*backend, m, c, atATime), want);
          QVERIFY2(different.empty(), qPrintable(QString::fromStdString(name + "; " + backendName + "; " + different)));
          if (atATime >= c.tokens) break;
        }
      }
      for (const auto& device : everyDevice()) {
        if (isProcessor(device.front())) continue;
        const auto& [deviceName, backend] = device.front();
        for (std::uint32_t atATime : {1u, 4u, c.tokens}) {
          const auto y = multiply(*backend, m, c, atATime);
          const std::string far = farFromExact(m, c, y);
          QVERIFY2(far.empty(), qPrintable(QString::fromStdString(name + "; " + deviceName + "; " + far)));
          QCOMPARE(difference(multiply(*backend, m, c, atATime), y), std::string());
          if (atATime >= c.tokens) break;
        }
      }
      if (m.source) QCOMPARE(m.source->misuses.load(), 0);
    }
  }

  void bitsOfTransposedWeightsFollowToo_data() {
    QTest::addColumn<int>("rows");
    QTest::addColumn<int>("columns");
    QTest::addColumn<int>("tokens");
    for (int columns : {1, 15, 16, 63, 64, 65, 200})
      for (int rows : {1, 63, 64, 65, 130})
        QTest::addRow("%d x %d", rows, columns) << rows << columns << (rows + columns) % 7 + 1;
    QTest::newRow("more tokens than a tile") << 66 << 67 << 1550;
  }
  void bitsOfTransposedWeightsFollowToo() {
    QFETCH(int, rows);
    QFETCH(int, columns);
    QFETCH(int, tokens);
    std::uint32_t seed = static_cast<std::uint32_t>(rows * 1000 + columns);
    for (auto& [name, m] : everyMatrix(rows, columns, seed)) {
      TestMatrix transposed = m;
      transposed.matrix.transposed = true;
      const Case c = makeCase(transposed, static_cast<std::uint32_t>(tokens), ++seed);
      const auto want = expected(transposed, c);
      for (const auto& [backendName, backend] : everyBackend()) {
        for (std::uint32_t atATime : {1u, 5u, c.tokens}) {
          if (atATime == 1 && c.tokens > 100) continue;
          const std::string different = difference(multiply(*backend, transposed, c, atATime), want);
          QVERIFY2(different.empty(), qPrintable(QString::fromStdString(name + "; " + backendName + "; " + different)));
          if (atATime >= c.tokens) break;
        }
      }
      if (m.source) QCOMPARE(m.source->misuses.load(), 0);
    }
  }

  void rowsMayBeginInsideAGroup_data() {
    QTest::addColumn<int>("columns");
    for (int columns : {7, 32, 39, 96, 160}) QTest::addRow("%d columns", columns) << columns;
  }
  void rowsMayBeginInsideAGroup() {
    QFETCH(int, columns);
    for (const ElementType type : kTypes)
      for (const std::uint64_t group : {32u, 64u, 4096u})
        for (const std::uint64_t row : {1u, 3u, 45u}) {
          const TestMatrix m = rowsFrom(fourBit(type, 60, static_cast<std::uint64_t>(columns), group, 3), row);
          const Case c = makeCase(m, 9, 7);
          const auto want = expected(m, c);
          for (const auto& [name, backend] : everyBackend())
            for (const std::uint32_t atATime : {1u, 9u})
              QVERIFY2(difference(multiply(*backend, m, c, atATime), want).empty(), name.c_str());
        }
  }

  /// n fused steps a partial sum, four additions, bias and what y held: each rounds once, so that the error is at most
  /// (n + 6) units of the sum of magnitudes, to first order; 1 % covers the rest.
  void sumsAreNearTheExactOnes() {
    const TestMatrix m = denseOf(ElementType::BF16, 64, 4100, randomFloats(64 * 4100, 5));
    const Case c = makeCase(m, 3, 9);
    const auto y = multiply(*everyBackend().back().backend, m, c, 3);
    for (std::size_t t = 0; t < 3; ++t) {
      for (std::size_t r = 0; r < 64; ++r) {
        double sum = c.bias[r], magnitude = std::abs(sum);
        for (std::size_t i = 0; i < 4100; ++i) {
          const double product = static_cast<double>(m.wide[r * 4100 + i]) * c.x[t * 4100 + i];
          sum += product;
          magnitude += std::abs(product);
        }
        sum += c.before[t * 64 + r];
        magnitude += std::abs(c.before[t * 64 + r]);
        const double error = std::abs(y[t * 64 + r] - sum);
        QVERIFY2(error <= 1.01 * (4100.0 / 16 + 8) * kUnit * magnitude, qPrintable(QString::number(error)));
      }
    }
  }

  void nonFiniteWeightsStayInTheirRow() {
    for (ElementType type : kTypes) {
      auto wide = randomFloats(8 * 100, 3);
      wide[205] = std::numeric_limits<float>::quiet_NaN();
      wide[407] = std::numeric_limits<float>::infinity();
      const TestMatrix m = denseOf(type, 8, 100, wide);
      const Case c = makeCase(m, 7, 2);
      for (const auto& device : everyDevice())
        for (const auto& [name, backend] : device) {
          const auto y = multiply(*backend, m, c, 7);
          for (std::size_t t = 0; t < 7; ++t)
            for (std::size_t r = 0; r < 8; ++r) QCOMPARE(std::isfinite(y[t * 8 + r]), r != 2 && r != 4);
        }
    }
  }

  void anyScaleIsSafe() {
    for (float scale : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 3e38f, 1e-44f, 0.0f}) {
      for (ElementType type : kTypes) {
        TestMatrix four = fourBit(type, 8, 128, 64, 1), eight = int8(type, 8, 128, 1);
        for (TestMatrix* m : {&four, &eight}) {
          m->scales[3] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(scale) | (scale != scale ? 0x7FFFFFu : 0u));
          const TestMatrix fresh = *m;
          const std::size_t group = m == &four ? 64 : 128;
          for (std::size_t i = 3 * group; i < 4 * group; ++i) {
            const auto pair = m->codes[i / 2];
            const float product =
                m == &four ? m->values[i % 2 ? pair & 15 : pair >> 4] * m->scales[3]
                           : static_cast<float>(static_cast<std::int8_t>(m->codes[i])) * m->scales[3] * 7.874015718698502e-3f;
            m->wide[i] = roundTo(type, product);
          }
          const Case c = makeCase(*m, 2, 4);
          const auto want = expected(*m, c);
          for (const auto& [name, backend] : everyBackend()) {
            const auto y = multiply(*backend, *m, c, 2);
            for (std::size_t i = 0; i < y.size(); ++i)
              QVERIFY2(sameBits(y[i], want[i]) || (std::isnan(y[i]) && std::isnan(want[i])), name.c_str());
          }
          for (const auto& device : everyDevice())
            if (!isProcessor(device.front()))
              QCOMPARE(farFromExact(*m, c, multiply(*device.front().backend, *m, c, 2)), std::string());
        }
      }
    }
  }

  void aFailingSourceStopsTheProduct() {
    const TestMatrix dense = denseOf(ElementType::BF16, 40, 100, randomFloats(4000, 1));
    for (std::size_t failing : {0u, 2u, 3u}) {
      TestMatrix m = madeOf(dense, {0, 1000, 2050, 3900}, 300);
      m.source->failing = failing;
      for (const auto& device : everyDevice())
        for (const auto& [name, backend] : device) {
          m.source->restart();
          const There<float> x(*backend, std::vector<float>(100)), y(*backend, std::vector<float>(40));
          MatmulArgs args;
          args.weight = m.matrix;
          args.x = x.data();
          args.y = y.data();
          const auto done = backend->matmul(args);
          QVERIFY(!done);
          QCOMPARE(done.error().message, "piece " + std::to_string(failing) + " is damaged");
          QVERIFY(done.error().kind == Failure::Kind::Data);
        }
    }
  }

  void aSourceThatDoesNotCoverTheMatrixIsRefused() {
    const TestMatrix dense = denseOf(ElementType::BF16, 4, 100, randomFloats(400, 1));
    TestMatrix m = madeOf(dense, {0, 100}, 64);
    m.matrix.rows = 5;
    std::vector<float> x(100), y(5);
    MatmulArgs args;
    args.weight = m.matrix;
    args.x = x.data();
    args.y = y.data();
    const auto done = everyBackend()[0].backend->matmul(args);
    QVERIFY(!done);
    QVERIFY2(done.error().message.find("500") != std::string::npos, done.error().message.c_str());
  }

  void scratchIsWhatIsSaid() {
    const TestMatrix dense = denseOf(ElementType::BF16, 40, 100, randomFloats(4000, 1));
    const TestMatrix m = madeOf(dense, {0, 1000, 2050, 3900}, 300);
    const Case c = makeCase(m, 2, 1);
    for (unsigned threads : {1u, 2u}) {
      auto backend = open(bestIsa(), threads);
      const std::uint64_t bytes = backend->scratchBytes(600, 200, 4), held = backend->memory().use().current;
      QCOMPARE(bytes, threads * (640 + 256) + 3 * 256u);
      multiplyUncounted(*backend, m, c);
      QCOMPARE(backend->memory().use().current, held);
      QCOMPARE(backend->memory().use().peak, held + bytes);

      backend->memory().setLimit(held + bytes);
      QVERIFY(backend->reserveScratch(bytes).has_value());
      QCOMPARE(difference(multiplyUncounted(*backend, m, c), expected(m, c)), std::string());
      QCOMPARE(backend->memory().use().peak, held + bytes);

      QVERIFY(backend->reserveScratch(0).has_value());
      backend->memory().setLimit(held + bytes - 1);
      m.source->restart();
      std::vector<float> y(80);
      MatmulArgs args;
      args.weight = m.matrix;
      args.x = c.x.data();
      args.y = y.data();
      args.tokens = 2;
      const auto done = backend->matmul(args);
      QVERIFY(!done && done.error().kind == Failure::Kind::OutOfMemory);
    }
  }

  void everyDeviceTakesPart() { skipWithoutGpu(); }
};

QTEST_APPLESS_MAIN(TestMatmul)
#include "test_matmul.moc"
