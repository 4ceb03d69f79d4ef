// SPDX-License-Identifier: Apache-2.0
// Rows that lie apart are copied as they are, and added with two roundings, whoever does it.
#include "tests/kernels/backends.h"

using namespace deltascope::kernels;

class TestRows : public QObject {
  Q_OBJECT

 private slots:
  void rowsAreAddedInProportion_data() {
    QTest::addColumn<int>("count");
    QTest::addColumn<int>("columns");
    for (int count : {1, 3, 256, 300})
      for (int columns : {1, 48, 2048}) QTest::addRow("%d of %d", count, columns) << count << columns;
    QTest::newRow("none") << 0 << 48;
  }
  void rowsAreAddedInProportion() {
    QFETCH(int, count);
    QFETCH(int, columns);
    const auto width = static_cast<std::size_t>(columns), rows = static_cast<std::size_t>(2 * count + 1);
    const auto x = randomFloats(static_cast<std::size_t>(count) * width, 1), into = randomFloats(rows * width, 2);
    std::vector<std::uint32_t> numbers;
    for (int i = count; i > 0; --i) numbers.push_back(static_cast<std::uint32_t>(2 * i - 1));
    const auto weights = randomFloats(numbers.size(), 3);
    auto want = into;
    for (std::size_t i = 0; i < numbers.size(); ++i)
      for (std::size_t c = 0; c < width; ++c) {
        const float product = weights[i] * x[i * width + c];
        want[numbers[i] * width + c] += product;
      }
    for (const auto& device : everyDevice())
      for (const auto& [name, backend] : device) {
        const There<float> from(*backend, x), sums(*backend, into);
        backend->addRows({from.data(), numbers.data(), weights.data(), sums.data(), numbers.size(), width});
        QVERIFY2(difference(sums.back(), want).empty(), name.c_str());
      }
  }

  void partsOfRowsAreCopied() {
    constexpr std::size_t kRows = 7, kStride = 50, kFirst = 9, kColumns = 33;
    const auto from = randomFloats(kRows * kStride, 1);
    std::vector<float> want;
    for (std::size_t row = 0; row < kRows; ++row)
      want.insert(want.end(), from.begin() + row * kStride + kFirst, from.begin() + row * kStride + kFirst + kColumns);
    for (const auto& device : everyDevice())
      for (const auto& [name, backend] : device) {
        const There<float> all(*backend, from), part(*backend, std::vector<float>(kRows * kColumns));
        backend->copyRows({part.data(), all.data() + kFirst, kRows, kColumns, kStride});
        backend->copyRows({part.data(), all.data(), 0, kColumns, kStride});
        QVERIFY2(difference(part.back(), want).empty(), name.c_str());
      }
  }

  void everyDeviceTakesPart() { skipWithoutGpu(); }
};

QTEST_APPLESS_MAIN(TestRows)
#include "test_rows.moc"
