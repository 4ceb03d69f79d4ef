// SPDX-License-Identifier: GPL-3.0-or-later
#include <QAbstractButton>
#include <QApplication>
#include <QLabel>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QWheelEvent>
#include <QtTest>
#include <cmath>
#include <limits>

#include "tests/ui/warnings.h"
#include "ui/charts/live_chart.h"
#include "ui/charts/live_points.h"
#include "ui/frame/theme.h"

using namespace deltascope::ui;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
using Look = LiveSeries::Look;

QString mebibytes(double value) { return QString::number(value, 'f', 1) + " MiB"; }

/// Counts how often the picture is painted.
class PaintCount : public QObject {
 public:
  explicit PaintCount(LiveChart& chart) { chart.findChild<QWidget*>("livePlot")->installEventFilter(this); }
  int count = 0;

 protected:
  bool eventFilter(QObject*, QEvent* event) override {
    count += event->type() == QEvent::Paint;
    return false;
  }
};

struct Shown {
  explicit Shown(QList<LiveSeries> series = {{"own", Look::Main, true}, {"others", Look::Context}})
      : chart({"seconds", "MiB", mebibytes}, std::move(series)) {
    chart.resize(600, 280);
    chart.setPalette(paletteFor(lightColors()));
  }
  void show() {
    chart.show();
    QVERIFY(QTest::qWaitForWindowExposed(&chart));
    settle();
  }
  void settle() { QTest::qWait(120); }
  QImage picture() { return chart.grab().toImage(); }
  LiveChart chart;
};

/// So many points of the colour, or near to it.
int near(const QImage& image, const QColor& colour) {
  int count = 0;
  for (int y = 0; y < image.height(); ++y)
    for (int x = 0; x < image.width(); ++x) {
      const QColor at = image.pixelColor(x, y);
      count +=
          std::abs(at.red() - colour.red()) + std::abs(at.green() - colour.green()) + std::abs(at.blue() - colour.blue()) < 60;
    }
  return count;
}

}  // namespace

class TestLiveChart : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() {
    QLocale::setDefault(QLocale::c());
    qApp->setStyle("Fusion");
  }
  void init() { failOnAnyWarning(); }

  void memoryIsBoundedAndExtremesStay() {
    LivePoints points;
    for (int i = 0; i < 1'000'000; ++i) points.append(i, i == 123'456 ? 99.0 : i == 777'777 ? -5.0 : (i % 100) / 10.0);
    QVERIFY(points.points().size() <= LivePoints::kMost);
    QVERIFY(points.points().size() > LivePoints::kMost / 8);
    const auto all = points.points();
    QVERIFY(std::is_sorted(all.begin(), all.end(), [](auto a, auto b) { return a.first < b.first; }));
    QCOMPARE(std::count(all.begin(), all.end(), ChartPoint(123'456, 99.0)), 1);
    QCOMPARE(std::count(all.begin(), all.end(), ChartPoint(777'777, -5.0)), 1);
    QCOMPARE(all.front().first, 0.0);
    QCOMPARE(all.back().first, 999'999.0);
    QCOMPARE(points.highest()->second, 99.0);
    QCOMPARE(points.lowestValue(), -5.0);
  }

  void positionsAreReadInOrder() {
    LivePoints points;
    for (int run = 0; run < 3; ++run)
      for (int i = 0; i < 4; ++i) points.append(i, run);
    std::vector<double> positions;
    for (const auto& point : points.points()) positions.push_back(point.first);
    QCOMPARE(positions, (std::vector<double>{0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3}));
  }

  void columnsKeepTheirExtremes_data() {
    QTest::addColumn<int>("points");
    QTest::addColumn<int>("columns");
    QTest::newRow("fewer points than columns") << 50 << 100;
    QTest::newRow("twice as many") << 200 << 100;
    QTest::newRow("many") << 100'000 << 300;
    QTest::newRow("one column") << 1000 << 1;
  }
  void columnsKeepTheirExtremes() {
    QFETCH(int, points);
    QFETCH(int, columns);
    std::vector<ChartPoint> all;
    for (int i = 0; i < points; ++i) all.emplace_back(i, (i * 7919) % 1009);
    const auto few = linePoints(all, 0, points, columns);
    QVERIFY(few.size() <= static_cast<std::size_t>(2 * columns + 2) || few.size() == all.size());
    std::vector<std::pair<double, double>> wanted(static_cast<std::size_t>(columns), {1e9, -1e9}), found = wanted;
    const auto widen = [&](auto& into, const ChartPoint& p) {
      auto& [low, high] = into[static_cast<std::size_t>(p.first * columns / points)];
      low = std::min(low, p.second);
      high = std::max(high, p.second);
    };
    for (const auto& p : all) widen(wanted, p);
    for (const auto& p : few) widen(found, p);
    QVERIFY(found == wanted);
  }

  void gapsStayInEveryColumn() {
    std::vector<ChartPoint> all;
    for (int i = 0; i < 10'000; ++i) all.emplace_back(i, i >= 4000 && i < 4300 ? kNaN : 1.0 + i % 7);
    for (const auto& few : {linePoints(all, 0, 10'000, 100), thinned(all, 200)}) {
      QVERIFY(few.size() < 400);
      const auto gap = std::find_if(few.begin(), few.end(), [](auto p) { return std::isnan(p.second); });
      QVERIFY(gap != few.end());
      QVERIFY(gap->first >= 4000 && gap->first < 4300);
    }
    std::vector<ChartPoint> alternating;
    for (int i = 0; i < 100'000; ++i) alternating.emplace_back(i, i % 2 ? kNaN : i);
    QVERIFY(linePoints(alternating, 0, 100'000, 100).size() <= 502);
  }

  void dotsThatCoverEachOtherAreDrawnOnce() {
    std::vector<ChartPoint> all;
    for (int i = 0; i < 100'000; ++i) all.emplace_back(i % 100, (i * 7919) % 100);
    QCOMPARE(dotPoints(all, {-0.5, 99.5, -0.5, 99.5, 100, 100}).size(), std::size_t{100});
    QCOMPARE(dotPoints(all, {-0.5, 99.5, -0.5, 99.5, 10, 1}).size(), std::size_t{10});
    QVERIFY(dotPoints(all, {0, 0, 0, 0, 10, 10}).empty());
  }

  void anEmptyChartSaysWhatWillBeHere() {
    Shown live;
    live.chart.setEmptyText("Memory appears here while a benchmark runs.");
    live.show();
    QVERIFY(live.chart.findChild<QLabel*>("emptyText")->isVisible());
    QVERIFY(!live.chart.findChild<QWidget*>("livePlot")->isVisible());
    QCOMPARE(live.chart.accessibleDescription(), "Memory appears here while a benchmark runs.");
    QVERIFY(live.chart.isEmpty());
    QVERIFY(std::isnan(live.chart.peak(0)));
    live.chart.append(0, 0, kNaN);
    QVERIFY(live.chart.isEmpty());
    live.chart.append(0, 1, 7);
    QTRY_VERIFY(live.chart.findChild<QWidget*>("livePlot")->isVisible());
    live.chart.clear();
    QVERIFY(live.chart.findChild<QLabel*>("emptyText")->isVisible());
  }

  void framesAreDrawnOnlyWhenSomethingChangedAndIsSeen() {
    Shown live;
    PaintCount paints(live.chart);
    for (int i = 0; i < 100; ++i) live.chart.append(0, i, i);
    QTest::qWait(100);
    QCOMPARE(paints.count, 0);  // not shown yet
    live.show();
    QVERIFY(paints.count > 0);
    const int still = paints.count;
    QTest::qWait(150);
    QCOMPARE(paints.count, still);
    live.chart.append(0, 100, 3);
    live.chart.append(0, 101, 3);
    live.settle();
    QCOMPARE(paints.count, still + 1);  // two values, one frame
    live.chart.hide();
    live.chart.append(0, 102, 3);
    QTest::qWait(100);
    QCOMPARE(paints.count, still + 1);
  }

  void pausedPicturesStandStill() {
    Shown live;
    for (int i = 0; i < 50; ++i) live.chart.append(0, i, i % 9);
    live.show();
    const QImage before = live.picture();
    live.chart.setPaused(true);
    live.settle();
    for (int i = 50; i < 200; ++i) live.chart.append(0, i, 40);
    live.settle();
    QCOMPARE(live.picture(), before);
    QCOMPARE(live.chart.peak(0), 40.0);
    QCOMPARE(live.chart.chart().lines[0].points.size(), std::size_t{200});
    live.chart.setPalette(paletteFor(darkColors()));  // another theme, the same moment
    live.settle();
    QCOMPARE(live.picture().pixelColor(2, 2), darkColors().base);
    live.chart.setPalette(paletteFor(lightColors()));
    live.settle();
    QCOMPARE(live.picture(), before);
    live.chart.setPaused(false);
    live.settle();
    QVERIFY(live.picture() != before);
  }

  void zoomingEndsFollowingAndADoubleClickStartsIt() {
    Shown live;
    for (int i = 0; i < 1000; ++i) live.chart.append(0, i, i % 9);
    live.show();
    QSignalSpy follow(&live.chart, &LiveChart::followChanged);
    QVERIFY(live.chart.follow());
    auto* plot = live.chart.findChild<QWidget*>("livePlot");
    QWheelEvent wheel(plot->rect().center(), plot->mapToGlobal(plot->rect().center()), {}, {0, 240}, Qt::NoButton,
                      Qt::NoModifier, Qt::NoScrollPhase, false);
    QCoreApplication::sendEvent(plot, &wheel);
    QVERIFY(!live.chart.follow());
    QCOMPARE(follow.size(), 1);
    live.settle();
    const QImage zoomed = live.picture();
    for (int i = 1000; i < 2000; ++i) live.chart.append(0, i, i % 9);
    live.settle();
    QCOMPARE(live.picture(), zoomed);  // what is looked at does not move
    QTest::mouseDClick(plot, Qt::LeftButton, {}, plot->rect().center());
    QVERIFY(live.chart.follow());
    QCOMPARE(follow.size(), 2);
    live.settle();
    QVERIFY(live.picture() != zoomed);
  }

  void theLimitIsKeptInView() {
    Shown live;
    for (int i = 0; i < 50; ++i) live.chart.append(1, i, 1);
    live.show();
    const int before = near(live.picture(), lightColors().text);
    live.chart.setLimit(14.0, "budget 14.0 MiB");
    live.settle();
    QVERIFY(near(live.picture(), lightColors().text) > before + 150);
    QCOMPARE(live.chart.chart().limit->label, "budget 14.0 MiB");
    live.chart.setLimit({});
    live.settle();
    QCOMPARE(near(live.picture(), lightColors().text), before);
    live.chart.setLimit(kNaN);
    QVERIFY(!live.chart.chart().limit);
  }

  void valuesNearbyAreTold() {
    Shown live;
    for (int i = 0; i <= 10; ++i) {
      live.chart.append(0, i, 10);
      live.chart.append(1, i, 1);
    }
    QVERIFY(live.chart.valueAt({300, 100}).isEmpty());  // nothing drawn yet
    live.show();
    QSet<QString> found;
    for (int y = 0; y < 280; y += 10)
      for (int x = 0; x < 600; x += 10) found.insert(live.chart.valueAt({x, y}));
    QVERIFY(found.contains("own: 10.0 MiB, seconds 5.000"));
    QVERIFY(found.contains("others: 1.0 MiB, seconds 0"));
    QCOMPARE(found.size(), 23);
  }

  void namedPositionsAreAllInViewAndTold() {
    LiveChart chart({"tensor", "ms"}, {{"latency", Look::Dots}});
    chart.resize(600, 280);
    chart.setPositionNames({"q_proj", "k_proj", "v_proj"});
    chart.append(0, 1, 2.5);
    chart.show();
    QVERIFY(QTest::qWaitForWindowExposed(&chart));
    QTest::qWait(100);
    QCOMPARE(chart.valueAt({330, 100}), "k_proj: latency 2.500 ms");
  }

  void whatWasCollectedIsGivenAsAChart() {
    Shown live({{"own", Look::Main, true}, {"others", Look::Context}, {"samples", Look::Dots}});
    for (int i = 0; i < 100'000; ++i) live.chart.append(0, i, i == 5000 ? 77 : i % 10);
    live.chart.append(1, 0, 1);
    const LinesChart chart = live.chart.chart();
    QCOMPARE(chart.lines.size(), std::size_t{3});
    QVERIFY(chart.lines[0].points.size() <= 2002);
    QCOMPARE(std::count(chart.lines[0].points.begin(), chart.lines[0].points.end(), ChartPoint(5000, 77)), 1);
    QVERIFY(chart.lines[0].markPeak && !chart.lines[0].dots);
    QVERIFY(chart.lines[1].dots);
    QCOMPARE(int(chart.lines[2].look), int(LinesChart::Line::Look::Dots));
    QCOMPARE(chart.positionLabel, "seconds");
    QCOMPARE(chart.valueLabel, "MiB");
  }

  void seriesThatAreNotThereAreIgnored() {
    Shown live;
    live.chart.append(7, 0, 1);
    live.chart.append(-1, 0, 1);
    live.chart.append(0, kNaN, 1);
    QVERIFY(live.chart.isEmpty());
    QVERIFY(std::isnan(live.chart.peak(7)));
  }

  void screenReadersHearOfItOnceASecond() {
    Shown live;
    live.chart.append(0, 0, 3);
    live.show();
    QTRY_VERIFY(live.chart.accessibleDescription().contains("own from 3.00 to 3.00"));
    live.chart.append(0, 1, 5);
    live.settle();
    QVERIFY(live.chart.accessibleDescription().contains("own from 3.00 to 3.00"));
    QTRY_VERIFY(live.chart.accessibleDescription().contains("own from 3.00 to 5.00"));
  }

  void oddValuesAreDrawn_data() {
    QTest::addColumn<QList<QPointF>>("points");
    QTest::newRow("one") << QList<QPointF>{{0, 5}};
    QTest::newRow("zero") << QList<QPointF>{{0, 0}};
    QTest::newRow("negative") << QList<QPointF>{{0, -5}, {1, -6}};
    QTest::newRow("huge") << QList<QPointF>{{0, 1e300}, {1, 1}};
    QTest::newRow("same position") << QList<QPointF>{{3, 1}, {3, 2}};
    QTest::newRow("gap at the end") << QList<QPointF>{{3, 1}, {4, kNaN}};
    QTest::newRow("infinite") << QList<QPointF>{{0, INFINITY}, {1, 2}};
  }
  void oddValuesAreDrawn() {
    QFETCH(QList<QPointF>, points);
    Shown live;
    for (const QPointF& p : points) live.chart.append(0, p.x(), p.y());
    live.show();
    QVERIFY(near(live.picture(), lightColors().accent) > 10);
  }
};

QTEST_MAIN(TestLiveChart)
#include "test_live_chart.moc"
