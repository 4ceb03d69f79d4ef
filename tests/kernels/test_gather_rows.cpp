// SPDX-License-Identifier: Apache-2.0
// Rows come back as their elements, whatever the form; of made matrices only the steps that hold them are made.
#include "tests/kernels/matrices.h"

using namespace deltascope::kernels;

class TestGatherRows : public QObject {
  Q_OBJECT

 private slots:
  void rowsAreTheElements_data() {
    QTest::addColumn<int>("columns");
    for (int columns : {1, 31, 64, 199, 1500}) QTest::addRow("%d columns", columns) << columns;
  }
  void rowsAreTheElements() {
    QFETCH(int, columns);
    const auto width = static_cast<std::size_t>(columns);
    const std::vector<std::uint32_t> rows{7, 0, 22, 7, 8, 3, 22};
    for (const auto& [name, m] : everyMatrix(23, width, 5)) {
      std::vector<float> want;
      for (std::uint32_t row : rows) want.insert(want.end(), &m.wide[row * width], &m.wide[row * width] + width);
      for (const auto& device : everyDevice())
        for (const auto& [backendName, backend] : device) {
          if (m.source) m.source->restart();
          const There<float> got(*backend, std::vector<float>(want.size()));
          const MatrixThere table(*backend, m);
          GatherRowsArgs args;
          args.table = table.matrix;
          args.rows = rows.data();
          args.count = static_cast<std::uint32_t>(rows.size());
          args.into = got.data();
          QVERIFY(backend->gatherRows(args).has_value());
          QVERIFY2(difference(got.back(), want).empty(), qPrintable(QString::fromStdString(name + "; " + backendName)));
        }
      if (m.source) QCOMPARE(m.source->misuses.load(), 0);
    }
  }

  void onlyTheStepsThatHoldTheRowsAreMade() {
    const TestMatrix dense = denseOf(ElementType::BF16, 100, 64, randomFloats(6400, 1));
    const TestMatrix m = madeOf(dense, {0, 3200}, 128);
    const std::uint32_t rows[] = {51, 50, 99, 3, 50};
    std::vector<float> got(5 * 64);
    GatherRowsArgs args;
    args.table = m.matrix;
    args.rows = rows;
    args.count = 5;
    args.into = got.data();
    QVERIFY(everyBackend().back().backend->gatherRows(args).has_value());
    QCOMPARE(m.source->made.load(), 3);
  }

  void aFailureComesBack() {
    const TestMatrix dense = denseOf(ElementType::BF16, 100, 64, randomFloats(6400, 1));
    TestMatrix m = madeOf(dense, {0, 3200}, 128);
    m.source->failing = 1;
    const std::uint32_t rows[] = {99};
    for (const auto& device : everyDevice()) {
      m.source->restart();
      const There<float> got(*device.back().backend, std::vector<float>(64));
      GatherRowsArgs args;
      args.table = m.matrix;
      args.rows = rows;
      args.count = 1;
      args.into = got.data();
      const auto done = device.back().backend->gatherRows(args);
      QVERIFY(!done);
      QCOMPARE(done.error().message, std::string("piece 1 is damaged"));
    }
  }

  void everyDeviceTakesPart() { skipWithoutGpu(); }
};

QTEST_APPLESS_MAIN(TestGatherRows)
#include "test_gather_rows.moc"
