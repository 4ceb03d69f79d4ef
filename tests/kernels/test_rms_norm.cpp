// SPDX-License-Identifier: Apache-2.0
// The norm is near the exact one, with the same bits on every instruction set and number of threads.
#include "tests/kernels/matrices.h"

using namespace deltascope::kernels;

namespace {

std::vector<float> normalise(Backend& backend, const std::vector<float>& x, const std::vector<std::byte>& weight,
                             ElementType type, std::uint32_t columns, bool inPlace, bool addOne = false) {
  const There<float> from(backend, x), y(backend, inPlace ? x : std::vector<float>(x.size()));
  const There<std::byte> weights(backend, weight);
  RmsNormArgs args;
  args.x = inPlace ? y.data() : from.data();
  args.y = y.data();
  args.weight = weights.data();
  args.weightType = type;
  args.columns = columns;
  args.rows = static_cast<std::uint32_t>(x.size() / columns);
  args.epsilon = 1e-5f;
  args.addOne = addOne;
  backend.rmsNorm(args);
  return y.back();
}

}  // namespace

class TestRmsNorm : public QObject {
  Q_OBJECT

 private slots:
  void rowsAreNormalised_data() {
    QTest::addColumn<int>("rows");
    QTest::addColumn<int>("columns");
    for (int columns : {1, 15, 16, 17, 288, 300, 4096})
      for (int rows : {1, 5}) QTest::addRow("%d x %d", rows, columns) << rows << columns;
    QTest::newRow("many rows") << 300 << 96;
  }
  /// The sum of squares has columns / 16 fused steps and four additions, or fewer and five or ten, its square root halves their
  /// relative error; division, sum with epsilon, root, inverse and two products add one unit each at most.
  void rowsAreNormalised() {
    QFETCH(int, rows);
    QFETCH(int, columns);
    const auto width = static_cast<std::size_t>(columns);
    const auto x = randomFloats(static_cast<std::size_t>(rows) * width, 1, 3);
    for (ElementType type : kTypes) {
      auto weight = randomFloats(width, 2);
      const auto bytes = toBytes(type, weight);
      for (float& w : weight) w = roundTo(type, w);
      for (const auto& device : everyDevice()) {
        const auto y = normalise(*device.front().backend, x, bytes, type, static_cast<std::uint32_t>(columns), false);
        const double bound = ((columns / 16.0 + (isProcessor(device.front()) ? 5 : 11)) / 2 + 6) * kUnit * 1.01;
        for (std::size_t r = 0; r < x.size() / width; ++r) {
          double squares = 0;
          for (std::size_t c = 0; c < width; ++c) squares += static_cast<double>(x[r * width + c]) * x[r * width + c];
          for (std::size_t c = 0; c < width; ++c) {
            const double want = x[r * width + c] / std::sqrt(squares / columns + 1e-5f) * weight[c];
            const double error = std::abs(y[r * width + c] - want);
            QVERIFY2(error <= bound * std::abs(want), qPrintable(QString("%1 of %2").arg(error).arg(want)));
          }
        }
        for (const auto& [name, backend] : device)
          for (bool inPlace : {false, true})
            QVERIFY2(difference(normalise(*backend, x, bytes, type, static_cast<std::uint32_t>(columns), inPlace), y).empty(),
                     name.c_str());
      }
    }
  }

  /// The same as a norm whose weights are that sum, which FP32 holds.
  void oneMayBeAddedToTheWeights() {
    constexpr std::uint32_t kColumns = 300;
    const auto x = randomFloats(3 * kColumns, 1);
    auto weight = randomFloats(kColumns, 2);
    for (ElementType type : kTypes) {
      const auto bytes = toBytes(type, weight);
      auto sums = weight;
      for (float& w : sums) w = roundTo(type, w) + 1;
      for (const auto& device : everyDevice())
        for (const auto& [name, backend] : device)
          QVERIFY2(difference(normalise(*backend, x, bytes, type, kColumns, false, true),
                              normalise(*backend, x, toBytes(ElementType::F32, sums), ElementType::F32, kColumns, false))
                       .empty(),
                   name.c_str());
    }
  }

  void everyDeviceTakesPart() { skipWithoutGpu(); }
};

QTEST_APPLESS_MAIN(TestRmsNorm)
#include "test_rms_norm.moc"
