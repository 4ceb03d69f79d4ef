// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>
#include <QSignalSpy>
#include <QtTest>

#include "tests/ui/generated_model.h"
#include "tests/ui/warnings.h"
#include "ui/charts/heat_map_view.h"
#include "ui/frame/theme.h"
#include "ui/payload/heat_map.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

int cellOf(const HeatMapChart& chart, const QString& row, const QString& column) {
  return static_cast<int>(chart.rows.indexOf(row) * chart.columns.size() + chart.columns.indexOf(column));
}

}  // namespace

class TestHeatmap : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() {
    QLocale::setDefault(QLocale::c());
    qApp->setStyle("Fusion");
  }
  void init() { failOnAnyWarning(); }

  void rowsAreLayersAndColumnsKinds() {
    const auto chart = heatMapOf(generatedModel(3)->tensors, Metric::BitsPerWeight, false);
    QCOMPARE(chart.rows, (QStringList{"–", "0", "1", "2"}));
    QCOMPARE(chart.columns, (QStringList{"embed", "q", "k", "v", "o", "gate", "up", "down", "norm"}));
    QVERIFY(chart.at(0, 0).present);  // the embedding is in no layer
    QVERIFY(!chart.at(0, 1).present);
    QVERIFY(!chart.at(1, 0).present);
    QCOMPARE(chart.at(1, 8).items.size(), std::size_t{2});  // both norms of layer 0
  }

  void cellsHoldTheMetricOfTheirTensors_data() {
    QTest::addColumn<Metric>("metric");
    QTest::addColumn<double>("value");
    QTest::addColumn<QString>("detail");
    // Two tensors share the cell: 100 and 300 elements, 100 and 200 stored bytes, 10 and 30 zeros, 1 and 2 patches.
    QTest::newRow("bits") << Metric::BitsPerWeight << 6.0 << "layer 0, q: 6.0000 bits/weight (2 tensors)";
    QTest::newRow("sparsity") << Metric::Sparsity << 0.1 << "layer 0, q: 10.00 % of the deltas are zero (2 tensors)";
    QTest::newRow("ratio") << Metric::Ratio << 800.0 / 300.0 << "layer 0, q: ratio 2.667 (2 tensors)";
    QTest::newRow("bytes") << Metric::StoredBytes << 300.0 << "layer 0, q: 300 bytes (2 tensors)";
    QTest::newRow("patches") << Metric::Patches << 3.0 << "layer 0, q: 3 patches (2 tensors)";
  }
  void cellsHoldTheMetricOfTheirTensors() {
    QFETCH(Metric, metric);
    QFETCH(double, value);
    std::vector<TensorStats> tensors(2);
    for (int i = 0; i < 2; ++i) {
      auto& t = tensors[static_cast<std::size_t>(i)];
      t.name = "model.layers.0.experts." + std::to_string(i) + ".q_proj.weight";
      t.elements = i ? 300 : 100;
      t.storedBytes = i ? 200 : 100;
      t.finalBytes = 2 * t.elements;
      t.zeroDeltas = i ? 30 : 10;
      t.patches = i ? 2 : 1;
    }
    const auto chart = heatMapOf(tensors, metric, false);
    QCOMPARE(chart.cells.size(), std::size_t{1});
    QCOMPARE(chart.cells[0].value, value);
    QTEST(chart.cells[0].detail, "detail");
  }

  void sparsityIsColouredFromNoneToAll() {
    const auto chart = heatMapOf(generatedModel(2)->tensors, Metric::Sparsity, false);
    QCOMPARE(chart.low, 0.0);
    QCOMPARE(chart.high, 1.0);
  }

  void otherMetricsSpanTheMatricesOfTheLayers() {
    const auto chart = heatMapOf(generatedModel(2)->tensors, Metric::BitsPerWeight, false);
    double low = 1e9, high = 0;
    for (int row = 1; row < chart.rows.size(); ++row)
      for (int column = 1; column < 8; ++column) {
        low = std::min(low, chart.at(row, column).value);
        high = std::max(high, chart.at(row, column).value);
      }
    QCOMPARE(chart.low, low);
    QCOMPARE(chart.high, high);
    // The norms are stored raw, 16 bits: beyond the scale, which says so.
    QCOMPARE(chart.at(1, 8).value, 16.0);
    QCOMPARE(chart.colour(chart.at(1, 8)), metricColour(1));
    QCOMPARE(chart.ticks.size(), std::size_t{3});
    QVERIFY(chart.ticks[2].second.startsWith("≥ "));
    QVERIFY(!chart.ticks[1].second.contains(' '));
  }

  void withoutLayersTheScaleSpansAll() {
    std::vector<TensorStats> tensors{generatedTensor("a", {64, 64}, 1), generatedTensor("b", {64, 64}, 9)};
    const auto chart = heatMapOf(tensors, Metric::BitsPerWeight, false);
    QCOMPARE(chart.low, tensors[0].bitsPerWeight());
    QCOMPARE(chart.high, tensors[1].bitsPerWeight());
  }

  void metricsAreFoundByTheirId() {
    for (const Metric metric : metricsFor(false)) QCOMPARE(metricFromId(wordsOf(metric, false).id, false), metric);
    QCOMPARE(metricFromId("nonsense", false), Metric::BitsPerWeight);
    QCOMPARE(metricFromId("sparsity", true), Metric::StoredBytes);  // a checkpoint has no deltas
  }

  void clickingChoosesWhatTheCellStandsFor() {
    HeatMapView view;
    view.resize(700, 400);
    view.setChart(heatMapOf(generatedModel(3)->tensors, Metric::BitsPerWeight, false));
    view.show();
    QVERIFY(QTest::qWaitForWindowExposed(&view));
    QSignalSpy chosen(&view, &HeatMapView::itemsChosen);
    const int cell = cellOf(view.chart(), "1", "norm");
    QTest::mouseClick(view.viewport(), Qt::LeftButton, {}, view.cellRect(cell).center());
    QCOMPARE(chosen.size(), 1);
    const auto& items = view.chart().cells[static_cast<std::size_t>(cell)].items;
    QCOMPARE(chosen[0][0].value<QList<int>>(), QList<int>(items.begin(), items.end()));
    QCOMPARE(view.markedCells(), std::set<int>{cell});
    const int missing = cellOf(view.chart(), "1", "embed");
    QTest::mouseClick(view.viewport(), Qt::LeftButton, {}, view.cellRect(missing).center());
    QCOMPARE(chosen.size(), 1);
    QVERIFY(!view.cellAt(view.cellRect(missing).center()));
  }

  void arrowKeysStepOverMissingCells_data() {
    QTest::addColumn<QString>("row");
    QTest::addColumn<QString>("column");
    QTest::addColumn<int>("key");
    QTest::addColumn<QString>("toRow");
    QTest::addColumn<QString>("toColumn");
    QTest::newRow("right") << "0"
                           << "q" << int(Qt::Key_Right) << "0"
                           << "k";
    QTest::newRow("left at the edge") << "0"
                                      << "q" << int(Qt::Key_Left) << "0"
                                      << "q";
    QTest::newRow("down") << "0"
                          << "q" << int(Qt::Key_Down) << "1"
                          << "q";
    QTest::newRow("up over nothing") << "0"
                                     << "q" << int(Qt::Key_Up) << "0"
                                     << "q";
    QTest::newRow("up to the norm") << "0"
                                    << "norm" << int(Qt::Key_Up) << "–"
                                    << "norm";
    QTest::newRow("over a gap") << "–"
                                << "embed" << int(Qt::Key_Right) << "–"
                                << "norm";
    QTest::newRow("home") << "2"
                          << "v" << int(Qt::Key_Home) << "–"
                          << "embed";
    QTest::newRow("end") << "0"
                         << "v" << int(Qt::Key_End) << "2"
                         << "norm";
  }
  void arrowKeysStepOverMissingCells() {
    QFETCH(QString, row);
    QFETCH(QString, column);
    QFETCH(int, key);
    QFETCH(QString, toRow);
    QFETCH(QString, toColumn);
    HeatMapView view;
    view.resize(700, 400);
    view.setChart(heatMapOf(generatedModel(3)->tensors, Metric::BitsPerWeight, false));
    view.show();
    QVERIFY(QTest::qWaitForWindowExposed(&view));
    QTest::mouseClick(view.viewport(), Qt::LeftButton, {}, view.cellRect(cellOf(view.chart(), row, column)).center());
    QTest::keyClick(&view, Qt::Key(key));
    QCOMPARE(view.currentCell(), std::optional<int>(cellOf(view.chart(), toRow, toColumn)));
  }

  void markingShowsTheCellAndSaysNothing() {
    HeatMapView view;
    view.resize(500, 200);
    const auto model = generatedModel(60);
    view.setChart(heatMapOf(model->tensors, Metric::BitsPerWeight, false));
    view.show();
    QVERIFY(QTest::qWaitForWindowExposed(&view));
    QSignalSpy chosen(&view, &HeatMapView::itemsChosen);
    const int last = cellOf(view.chart(), "59", "q");
    const int tensor = view.chart().cells[static_cast<std::size_t>(last)].items.front();
    QVERIFY(!view.viewport()->rect().contains(view.cellRect(last)));
    view.setMarkedItems({tensor});
    QCOMPARE(view.markedCells(), std::set<int>{last});
    QVERIFY(view.viewport()->rect().contains(view.cellRect(last)));
    QCOMPARE(chosen.size(), 0);
  }

  void marksSurviveAnotherMetric() {
    HeatMapView view;
    const auto model = generatedModel(3);
    view.setChart(heatMapOf(model->tensors, Metric::BitsPerWeight, false));
    view.setMarkedItems({5});
    const auto marked = view.markedCells();
    QVERIFY(!marked.empty());
    view.setChart(heatMapOf(model->tensors, Metric::Sparsity, false));
    QCOMPARE(view.markedCells(), marked);
  }

  void missingCellsLookMissing_data() {
    QTest::addColumn<bool>("dark");
    QTest::newRow("light") << false;
    QTest::newRow("dark") << true;
  }
  void missingCellsLookMissing() {
    QFETCH(bool, dark);
    const ThemeColors& colors = dark ? darkColors() : lightColors();
    HeatMapView view;
    view.setPalette(paletteFor(colors));
    view.resize(700, 300);
    view.setChart(heatMapOf(generatedModel(3)->tensors, Metric::BitsPerWeight, false));
    view.show();
    QVERIFY(QTest::qWaitForWindowExposed(&view));
    const QImage image = view.viewport()->grab().toImage();
    const auto corner = [&](const QString& row, const QString& column) {
      return image.pixelColor(view.cellRect(cellOf(view.chart(), row, column)).topLeft() + QPoint(2, 2));
    };
    QCOMPARE(corner("0", "embed"), colors.base);
    const auto& cell = view.chart().cells[static_cast<std::size_t>(cellOf(view.chart(), "0", "q"))];
    QCOMPARE(corner("0", "q"), view.chart().colour(cell));
  }

  void screenReadersGetTheMapAndThenTheCell() {
    HeatMapView view;
    view.resize(700, 300);
    view.setChart(heatMapOf(generatedModel(1)->tensors, Metric::BitsPerWeight, false));
    QCOMPARE(view.accessibleName(), "Heat map of bits/weight");
    QVERIFY(view.accessibleDescription().contains("0: q "));
    view.show();
    QVERIFY(QTest::qWaitForWindowExposed(&view));
    QTest::keyClick(&view, Qt::Key_End);
    QVERIFY(view.accessibleDescription().startsWith("layer 0, norm: 16.000 bits/weight"));
  }
};

QTEST_MAIN(TestHeatmap)
#include "test_heatmap.moc"
