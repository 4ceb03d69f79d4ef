// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>
#include <QLabel>
#include <QtTest>
#include <thread>

#include "tests/ui/sample_runs.h"
#include "tests/ui/warnings.h"
#include "ui/benchmark/live_run.h"
#include "ui/charts/live_chart.h"
#include "ui/frame/theme.h"
#include "ui/jobs/batcher.h"
#include "ui/jobs/quiet_moment.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

constexpr int kWeights = 1352, kRepetitions = 10, kBatch = 20;
constexpr std::array<const char*, 4> kModes{"resident", "static", "jit", "stream"};

std::vector<std::string> weightNames() {
  std::vector<std::string> names;
  for (int i = 0; i < kWeights; ++i)
    names.push_back("model.layers." + std::to_string(i / 9) + ".mlp.kind" + std::to_string(i % 9) + ".weight");
  return names;
}

/// The events of a whole run, in batches as a window gets them.
std::vector<std::vector<RunEvent>> eventsOf(const std::vector<std::string>& names, bool announced) {
  std::vector<std::vector<RunEvent>> batches;
  if (announced) batches.push_back({RunTensors{names}});
  for (std::size_t first = 0; first < names.size(); first += kBatch) {
    auto& batch = batches.emplace_back();
    for (std::size_t i = first; i < std::min(names.size(), first + kBatch); ++i) {
      for (const char* mode : kModes)
        for (int r = 0; r < kRepetitions; ++r) batch.emplace_back(RunLatency{names[i], mode, 0.1 + 0.01 * r});
      batch.emplace_back(BenchmarkMemory{0.01 * double(i), 1u << 20, 1u << 30, 1u << 29, std::uint64_t{24} << 30});
      batch.emplace_back(RunRow{sampleRow(names[i], "jit", 0.1), false});
    }
  }
  return batches;
}

}  // namespace

class TestLiveRun : public QObject {
  Q_OBJECT
 private slots:
  void initTestCase() {
    QLocale::setDefault(QLocale::c());
    qApp->setStyle("Fusion");
    qApp->setPalette(paletteFor(lightColors()));
  }
  void init() { failOnAnyWarning(); }

  /// What a run costs the window grows with its weights, not with their square: names are set once where they are announced, at
  /// most once a batch where they are not; nothing is styled again, and a frame is drawn when it is asked for and not between.
  void namesAreSetOnceAndFramesDrawnWhenAskedFor_data() {
    QTest::addColumn<bool>("announced");
    QTest::newRow("the run says what it will measure") << true;
    QTest::newRow("it does not") << false;
  }
  void namesAreSetOnceAndFramesDrawnWhenAskedFor() {
    QFETCH(bool, announced);
    LiveRun live;
    live.resize(1100, 320);
    live.show();
    QVERIFY(QTest::qWaitForWindowExposed(&live));
    live.begin(0, true, false);
    QTest::qWait(50);
    auto* latency = live.findChild<LiveChart*>("live_latency");
    auto* memory = live.findChild<LiveChart*>("live_memory");
    QVERIFY(latency && memory);
    const LiveChart::Cost before = latency->cost(), memoryBefore = memory->cost();
    const auto batches = eventsOf(weightNames(), announced);
    int drawn = 0;
    for (const auto& batch : batches) {
      live.take(batch);
      if (++drawn % 10 != 0) continue;
      live.drawNow();
    }
    const int asked = drawn / 10;
    const int named = latency->cost().names - before.names;
    QVERIFY2(announced ? named == 1 : named <= int(batches.size()), qPrintable(QString::number(named)));
    QCOMPARE(latency->cost().styles, before.styles);
    QCOMPARE(memory->cost().styles, memoryBefore.styles);
    QCOMPARE(latency->cost().frames - before.frames, asked);
    QVERIFY(memory->cost().frames - memoryBefore.frames <= asked);
    QCOMPARE(live.findChild<QLabel*>("liveVerdicts")->text(), QString("✓ bit-exact: %1 of %1 checks").arg(kWeights));
    // Every weight has its place, and all that was measured is there.
    const auto charts = live.charts();
    const auto found = std::find_if(charts.begin(), charts.end(), [](const RunChart& one) { return one.id == "latency"; });
    QVERIFY(found != charts.end());
    const auto chart = std::get<LinesChart>(found->chart);
    QCOMPARE(chart.lines.size(), kModes.size());
    for (const auto& line : chart.lines) QCOMPARE(line.points.back().first, double(kWeights - 1));
  }

  void aPausedRunDrawsNothing() {
    LiveRun live;
    live.resize(1100, 320);
    live.show();
    QVERIFY(QTest::qWaitForWindowExposed(&live));
    live.begin(0, true, false);
    live.take(eventsOf({"model.norm.weight"}, true).back());
    live.drawNow();
    live.setPaused(true);
    live.drawNow();
    auto* latency = live.findChild<LiveChart*>("live_latency");
    const int frames = latency->cost().frames;
    live.take(eventsOf({"model.norm.weight"}, false).back());
    live.drawNow();
    QCOMPARE(latency->cost().frames, frames);
  }

  void whatTheRunDoesIsSaid() {
    LiveRun live;
    live.begin(0, true, false);
    live.setState("waiting for “Pack chat”");
    QCOMPARE(live.findChild<QLabel*>("liveState")->text(), QString("waiting for “Pack chat”"));
    QVERIFY(live.findChild<QLabel*>("liveVerdicts")->text().isEmpty());
    live.clear();
    QVERIFY(live.findChild<QLabel*>("liveState")->text().isEmpty());
  }

  /// The job waits while the window draws, and is not held up by a window that is busy.
  void aJobLetsTheWindowDraw() {
    JobRunner runner;
    std::atomic<bool> drawing{false}, measuredWhileDrawing{false};
    std::atomic<int> draws{0};
    const QuietMoment quiet([&] {
      drawing = true;
      QThread::msleep(5);
      drawing = false;
      ++draws;
    });
    bool ended = false;
    runner.start(
        JobSpec{"Measure", "benchmark", JobLane::Work, {}},
        [&, quiet](const JobScope& scope) -> Result<int> {
          for (int i = 0; i < 40; ++i) {
            quiet.offer(scope);
            for (int k = 0; k < 10; ++k) {
              if (drawing) measuredWhileDrawing = true;
              std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }
          }
          return 1;
        },
        &runner, [&](const Result<int>&) { ended = true; });
    QTRY_VERIFY(ended);
    QVERIFY(draws >= 1);
    QVERIFY(draws <= 40);
    QVERIFY(!measuredWhileDrawing);
  }

  void eventsWaitUntilTheyAreFetched() {
    JobRunner runner;
    std::vector<int> taken;
    int calls = 0;
    const Batcher<int> events([&](std::vector<int>&& batch) {
      ++calls;
      taken.insert(taken.end(), batch.begin(), batch.end());
    });
    events.fetch();
    QCOMPARE(calls, 0);  // nothing came, nobody is called
    bool ended = false;
    runner.start(
        JobSpec{"Count", "benchmark", JobLane::Work, {}},
        [events](const JobScope&) -> Result<int> {
          for (int i = 0; i < 1000; ++i) events.keep(i);
          return 1;
        },
        &runner, [&](const Result<int>&) { ended = true; });
    QTRY_VERIFY(ended);
    QCOMPARE(calls, 0);
    events.fetch();
    QCOMPARE(calls, 1);
    QCOMPARE(taken.size(), std::size_t{1000});
    QCOMPARE(taken.back(), 999);
  }
};

QTEST_MAIN(TestLiveRun)
#include "test_live_run.moc"
