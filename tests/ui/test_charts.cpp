// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>
#include <QScreen>
#include <QTemporaryDir>
#include <QtTest>
#include <cmath>
#include <limits>

#include "tests/ui/generated_model.h"
#include "tests/ui/warnings.h"
#include "ui/charts/build.h"
#include "ui/charts/numbers.h"
#include "ui/charts/view.h"
#include "ui/frame/theme.h"
#include "ui/payload/heat_map.h"
#include "ui/payload/tensor_charts.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

/// Latencies of so many tensors; every eighth of the second series on is 40 times as slow.
SpreadChart spreadOf(int positions, int series) {
  SpreadChart chart{{}, {}, "tensor", "ms", false};
  for (int i = 0; i < positions; ++i) chart.positions << QString("layers.%1.%2.weight").arg(i / 4).arg("qkvo"[i % 4]);
  const char* labels[] = {"resident", "reconstructed", "old scripts"};
  for (int s = 0; s < series; ++s) {
    SpreadChart::Series one{labels[s], {}};
    for (int i = 0; i < positions; ++i) {
      const double middle = (1 + 0.2 * ((i * 31) % 7) + s) * (positions > 100 && s > 0 && i % 8 == 0 ? 40 : 1);
      one.points.push_back({0.9 * middle, middle, 1.3 * middle, i % 11 != 10});
    }
    chart.series.push_back(std::move(one));
  }
  return chart;
}

QList<QPair<QByteArray, Chart>> oneOfEach() {
  const TensorCloseUp closeUp = generatedCloseUp(1000);
  LinesChart lines{{{"all", {{0, 6.5}, {1, 6.7}, {2, 6.6}}}, {"q", {{0, 6.4}, {1, kNaN}, {2, 6.9}}}}, "layer", "bits/weight"};
  LinesChart marked = lines;
  marked.lines[0].markPeak = true;
  marked.lines.push_back({"repetitions", {{0, 6.1}, {0, 6.2}, {2, 6.3}}});
  marked.lines[2].look = LinesChart::Line::Look::Dots;
  marked.limit = {7.5, "budget 7.50"};
  marked.fromZero = true;
  return {{"histogram", histogramOf(closeUp, false)},
          {"histogram, log", histogramOf(closeUp, true)},
          {"map", mapOf(closeUp, MapValue::MeanMagnitude)},
          {"map of shares", mapOf(closeUp, MapValue::ZeroShare)},
          {"bars", streamsOf(closeUp)},
          {"columns", chunksOf(closeUp)},
          {"lines", lines},
          {"lines with peak and limit", marked},
          {"spread", spreadOf(12, 3)},
          {"spread, log", spreadOf(200, 2)}};
}

int distinctColours(const QImage& image) {
  QSet<QRgb> seen;
  for (int y = 0; y < image.height(); ++y)
    for (int x = 0; x < image.width(); ++x) seen.insert(image.pixel(x, y));
  return static_cast<int>(seen.size());
}

}  // namespace

class TestCharts : public QObject {
  Q_OBJECT
 private slots:
  void init() { failOnAnyWarning(); }

  void emptyChartsSaySo_data() {
    QTest::addColumn<Chart>("chart");
    QTest::newRow("histogram") << Chart(HistogramChart{});
    QTest::newRow("histogram of zeros") << Chart(HistogramChart{{{0, 1}, {0, 0}, 1, 0, 0}, false});
    QTest::newRow("map") << Chart(MapChart{});
    QTest::newRow("map of nothing read") << Chart(MapChart{1, 2, 1, 1, {NAN, NAN}, "v", false, {}});
    QTest::newRow("map of the wrong size") << Chart(MapChart{2, 2, 1, 1, {1, 2, 3}, "v", false, {}});
    QTest::newRow("bars") << Chart(BarsChart{});
    QTest::newRow("columns") << Chart(ColumnsChart{});
    QTest::newRow("lines of gaps") << Chart(LinesChart{{{"a", {{0, kNaN}}}}, "x", "y"});
    QTest::newRow("spread") << Chart(SpreadChart{});
    QTest::newRow("spread of nothing measured") << Chart(SpreadChart{{"a"}, {{"s", {{1, 2, 3, false}}}}, "x", "y", false});
    QTest::newRow("heat map") << Chart(HeatMapChart{});
  }
  void emptyChartsSaySo() {
    QFETCH(Chart, chart);
    QVERIFY(isEmpty(chart));
    QCOMPARE(describe(chart), "Nothing to show.");
    QVERIFY(valueText(chart, 0, 0).isEmpty());
  }

  void chartsAreDrawnInBothThemes_data() {
    QTest::addColumn<Chart>("chart");
    QTest::addColumn<bool>("dark");
    for (const auto& [name, chart] : oneOfEach())
      for (const bool dark : {false, true}) QTest::newRow(name + (dark ? " dark" : " light")) << chart << dark;
  }
  void chartsAreDrawnInBothThemes() {
    QFETCH(Chart, chart);
    QFETCH(bool, dark);
    ChartView view;
    view.resize(600, 300);
    view.setPalette(paletteFor(dark ? darkColors() : lightColors()));
    view.setChart(chart);
    view.show();
    QVERIFY(QTest::qWaitForWindowExposed(&view));
    const QImage image = view.grab().toImage();
    QVERIFY(distinctColours(image) > 8);
    QCOMPARE(image.pixelColor(2, 2), dark ? darkColors().base : lightColors().base);
  }

  void aPaletteChangeReachesTheChart() {
    ChartView view;
    view.resize(400, 200);
    view.setPalette(paletteFor(lightColors()));
    view.setChart(oneOfEach().front().second);
    view.show();
    QVERIFY(QTest::qWaitForWindowExposed(&view));
    QCOMPARE(view.grab().toImage().pixelColor(2, 2), lightColors().base);
    view.setPalette(paletteFor(darkColors()));
    QCoreApplication::processEvents();
    QCOMPARE(view.grab().toImage().pixelColor(2, 2), darkColors().base);
  }

  void theScaleOfTheScreenIsFollowed() {
    QCOMPARE(QGuiApplication::screens().size(), 2);
    ChartView view;
    view.setChart(oneOfEach().front().second);
    view.resize(300, 200);
    view.show();
    QVERIFY(QTest::qWaitForWindowExposed(&view));
    QCOMPARE(view.grab().toImage().size(), QSize(300, 200));
    view.windowHandle()->setScreen(QGuiApplication::screens().at(1));
    view.move(QGuiApplication::screens().at(1)->geometry().topLeft() + QPoint(20, 20));
    QTRY_COMPARE(view.devicePixelRatioF(), 2.0);
    const QImage sharp = view.grab().toImage();
    QCOMPARE(sharp.size(), QSize(600, 400));
    // Text drawn at one pixel a point and enlarged would be made of 2 × 2 blocks.
    int differing = 0;
    for (int y = 0; y + 1 < sharp.height(); y += 2)
      for (int x = 0; x + 1 < sharp.width(); x += 2)
        differing += sharp.pixel(x, y) != sharp.pixel(x + 1, y) || sharp.pixel(x, y) != sharp.pixel(x, y + 1);
    QVERIFY(differing > 50);
  }

  void oddValuesAreDrawn_data() {
    QTest::addColumn<Chart>("chart");
    QTest::newRow("nan first") << Chart(MapChart{2, 2, 1, 1, {NAN, 1, 2, 3}, "v", false, {}});
    QTest::newRow("inf") << Chart(MapChart{2, 2, 1, 1, {INFINITY, 1, -INFINITY, 3}, "v", false, {}});
    QTest::newRow("one cell") << Chart(MapChart{1, 1, 1, 1, {5}, "v", false, {}});
    QTest::newRow("one row") << Chart(MapChart{1, 3, 1, 1, {5, 6, 7}, "v", false, {}});
    QTest::newRow("one column") << Chart(MapChart{3, 1, 1, 1, {5, 6, 7}, "v", false, {}});
    QTest::newRow("all the same") << Chart(MapChart{2, 2, 1, 1, {5, 5, 5, 5}, "v", false, {}});
    QTest::newRow("log with zeros") << Chart(MapChart{2, 2, 1, 1, {0, 0.5f, 30, 15000}, "v", true, {}});
    QTest::newRow("log of zeros") << Chart(MapChart{1, 2, 1, 1, {0, 0}, "v", true, {}});
    QTest::newRow("log of nan") << Chart(MapChart{1, 2, 1, 1, {NAN, 7}, "v", true, {}});
    QTest::newRow("one bin") << Chart(HistogramChart{{{0}, {7}, 1, 0, 0}, false});
    QTest::newRow("one bin, log") << Chart(HistogramChart{{{0}, {7}, 1, 0, 3}, true});
    QTest::newRow("one bar of nothing") << Chart(BarsChart{{{"a", 0, "0 B"}}, "bytes"});
    QTest::newRow("nan bar") << Chart(BarsChart{{{"a", kNaN, "?"}, {"b", 1, "1"}}, "bytes"});
    QTest::newRow("one chunk") << Chart(ColumnsChart{{12}, "chunk", "KiB", "chunk"});
    QTest::newRow("inf chunk") << Chart(ColumnsChart{{12, kInf}, "chunk", "KiB", "chunk"});
    QTest::newRow("one tensor") << Chart(SpreadChart{{"a"}, {{"s", {{1, 2, 3, true}}}}, "x", "y", false});
    QTest::newRow("log from nothing") << Chart(SpreadChart{{"a"}, {{"s", {{0, 2, 300, true}}}}, "x", "y", true});
    QTest::newRow("log of negatives") << Chart(SpreadChart{{"a"}, {{"s", {{-5, -2, 300, true}}}}, "x", "y", true});
    QTest::newRow("all zero") << Chart(SpreadChart{{"a", "b"}, {{"s", {{0, 0, 0, true}}}}, "x", "y", false});
    QTest::newRow("spread of nan") << Chart(
        SpreadChart{{"a", "b"}, {{"s", {{1, kNaN, 3, true}, {1, 2, kInf, true}}}}, "x", "y", false});
    QTest::newRow("limit below everything") << Chart(LinesChart{{{"a", {{0, 6.5}, {1, 7}}}}, "x", "y", {{-3, "floor"}}});
    QTest::newRow("one layer") << Chart(LinesChart{{{"a", {{0, 6.5}}}}, "layer", "bits/weight"});
  }
  void oddValuesAreDrawn() {
    QFETCH(Chart, chart);
    QVERIFY(!isEmpty(chart));
    ChartView view;
    view.resize(400, 240);
    view.setChart(chart);
    view.show();
    QVERIFY(QTest::qWaitForWindowExposed(&view));
    QVERIFY(distinctColours(view.grab().toImage()) > 2);
    QVERIFY(!describe(chart).isEmpty());
  }

  void valuesAreToldInWords_data() {
    QTest::addColumn<Chart>("chart");
    QTest::addColumn<double>("x");
    QTest::addColumn<double>("y");
    QTest::addColumn<QString>("words");
    const Chart single = HistogramChart{{{-1, 0, 1}, {5, 1200, 7}, 1, 0, 0}, false};
    QTest::newRow("bin") << single << 0.2 << 0.0 << "delta 0: 1,200 elements";
    QTest::newRow("bin's edge") << single << -0.6 << 0.0 << "delta −1: 5 elements";
    QTest::newRow("outside") << single << 1.6 << 0.0 << "";
    QTest::newRow("wide bin") << Chart(HistogramChart{{{-8, 0}, {5, 6}, 8, 0, 0}, false}) << -3.0 << 0.0
                              << "delta −8 to −1: 5 elements";
    const Chart map = MapChart{2, 2, 4, 8, {1, 2, NAN, 4}, "mean |delta|", false, {}};
    QTest::newRow("cell") << map << 9.0 << 1.0 << "row 0–3, column 8–15: mean |delta| 2.000";
    QTest::newRow("cell not read") << map << 0.0 << 5.0 << "row 4–7, column 0–7: mean |delta| not read";
    QTest::newRow("outside the map") << map << 17.0 << 1.0 << "";
    QTest::newRow("bar") << Chart(BarsChart{{{"codes", 7, "7 B"}}, "bytes"}) << 3.0 << 0.3 << "codes: 7 B";
    const Chart lines = LinesChart{{{"own", {{0, 1}, {1, 2}}}, {"total", {{0, 5}, {1, 6.5}}}}, "seconds", "MiB"};
    QTest::newRow("line") << lines << 0.9 << 2.4 << "own: 2.000 MiB, seconds 1.000";
    QTest::newRow("other line") << lines << 0.9 << 6.0 << "total: 6.500 MiB, seconds 1.000";
    const Chart spread =
        SpreadChart{{"q", "k"}, {{"a", {{1, 2, 3, true}, {}}}, {"b", {{4, 5, 6, true}}}}, "tensor", "ms", false};
    QTest::newRow("spread") << spread << 0.2 << 1.0 << "q: a 2.000 (1.000 to 3.000); b 5.000 (4.000 to 6.000), ms";
    QTest::newRow("not measured") << spread << 1.2 << 1.0 << "k: not measured, ms";
    QTest::newRow("beside the spread") << spread << 1.6 << 1.0 << "";
    QTest::newRow("chunk") << Chart(ColumnsChart{{3.5, 4}, "chunk", "KiB", "chunk"}) << 1.2 << 1.0 << "chunk 1: 4.000 KiB";
  }
  void valuesAreToldInWords() {
    QFETCH(Chart, chart);
    QFETCH(double, x);
    QFETCH(double, y);
    QTEST(valueText(chart, x, y), "words");
  }

  void hoveringFindsTheValue() {
    ChartView view;
    view.resize(500, 300);
    view.setChart(HistogramChart{{{-1, 0, 1}, {5, 1200, 7}, 1, 0, 0}, false});
    view.show();
    QVERIFY(QTest::qWaitForWindowExposed(&view));
    QSet<QString> found;
    for (int x = 0; x < 500; x += 5) found.insert(view.valueAt({x, 150}));
    QCOMPARE(found, (QSet<QString>{"", "delta −1: 5 elements", "delta 0: 1,200 elements", "delta 1: 7 elements"}));
  }

  void peaksAndLimitsAreTold() {
    LinesChart chart{{{"own", {{0, 1}, {1, 13.42}}}, {"others", {{0, kNaN}}}}, "seconds", "MiB"};
    chart.lines[0].markPeak = true;
    chart.limit = {14, "budget 14.0 MiB"};
    QCOMPARE(describe(chart),
             "MiB by seconds: own from 1.00 to 13.4, its peak; others without values; limit: budget 14.0 MiB.");
    chart.limit->label.clear();
    QVERIFY(describe(chart).endsWith("limit: 14.0."));
  }

  void spreadsAreTold() {
    const SpreadChart chart{{"q", "k"}, {{"a", {{1, 2, 3, true}, {2, 3, 7, true}}}, {"b", {{}, {}}}}, "tensor", "ms", false};
    QCOMPARE(describe(chart), "ms by tensor, 2 in all: a medians from 2.00 to 3.00, extremes 1.00 and 7.00; b without values.");
  }

  void seriesAreToldApart_data() {
    QTest::addColumn<bool>("dark");
    QTest::newRow("light") << false;
    QTest::newRow("dark") << true;
  }
  void seriesAreToldApart() {
    QFETCH(bool, dark);
    const ChartStyle style = chartStyle(paletteFor(dark ? darkColors() : lightColors()), QFont());
    QSet<QRgb> seen;
    for (std::size_t i = 0; i < 5; ++i) {
      seen.insert(seriesColour(style, i).rgb());
      QVERIFY(contrastRatio(seriesColour(style, i), style.background) >= 4.5);
    }
    QCOMPARE(seen.size(), 5);
    QCOMPARE(seriesColour(style, 0), style.accent);
  }

  void screenReadersGetTheChartInWords() {
    ChartView view;
    view.setChart(HistogramChart{{{-1, 0, 1}, {5, 90, 5}, 1, 0, 0}, false});
    QCOMPARE(view.accessibleDescription(), "Histogram of 100 deltas from −1 to 1. Most frequent: 0, 90 elements (90.0 %).");
  }
};

/// Two screens of different scale: see the offscreen platform's configuration file.
int main(int argc, char** argv) {
  QTemporaryDir folder;
  const QString path = folder.filePath("screens.json");
  QFile file(path);
  if (!file.open(QIODevice::WriteOnly)) return 1;
  file.write(R"({"synchronousWindowSystemEvents": true, "windowFrameMargins": false, "screens": [
    {"name": "one", "x": 0, "y": 0, "width": 1000, "height": 800, "logicalDpi": 96, "logicalBaseDpi": 96, "dpr": 1},
    {"name": "two", "x": 1000, "y": 0, "width": 1000, "height": 800, "logicalDpi": 96, "logicalBaseDpi": 96, "dpr": 2}]})");
  file.close();
  qputenv("QT_QPA_PLATFORM", "offscreen:configfile=" + path.toUtf8());
  QLocale::setDefault(QLocale::c());
  QApplication application(argc, argv);
  application.setStyle("Fusion");
  TestCharts test;
  return QTest::qExec(&test, argc, argv);
}
#include "test_charts.moc"
