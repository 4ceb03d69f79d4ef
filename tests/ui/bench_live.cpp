// SPDX-License-Identifier: GPL-3.0-or-later
/// What live charts cost: `bench_live [SECONDS]`. Three charts of 100,000 points each that are seen while they grow: the share
/// of one core and the longest gap of the event loop.
#include <QApplication>
#include <QElapsedTimer>
#include <QHBoxLayout>
#include <QTimer>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <vector>

#include "ui/charts/live_chart.h"
#include "ui/frame/theme.h"

using namespace deltascope::ui;

namespace {

constexpr int kPoints = 100'000;
constexpr double kPerSecond = 1000;

/// Noise on a slow wave: no two columns of the picture are alike.
double valueAt(int i) { return 10 + 3 * std::sin(i * 1e-4) + double((i * 7919LL) % 1000) / 500; }

double processSeconds() { return double(std::clock()) / CLOCKS_PER_SEC; }

struct Figures {
  double share = 0, longestGap = 0;
};

/// `rate` points a second go to each chart, in steps of a frame.
Figures watch(std::vector<LiveChart*>& charts, std::vector<int>& counts, double rate, double seconds) {
  QElapsedTimer wall, gap;
  QTimer beat, feed;
  Figures figures;
  const std::vector<int> start = counts;
  QObject::connect(&beat, &QTimer::timeout, [&] {
    figures.longestGap = std::max(figures.longestGap, double(gap.nsecsElapsed()) / 1e6);
    gap.restart();
  });
  QObject::connect(&feed, &QTimer::timeout, [&] {
    const int due = static_cast<int>(double(wall.nsecsElapsed()) / 1e9 * rate);
    for (std::size_t i = 0; i < charts.size(); ++i)
      for (; counts[i] < start[i] + due; ++counts[i]) charts[i]->append(0, counts[i] / kPerSecond, valueAt(counts[i]));
  });
  const double before = processSeconds();
  wall.start();
  gap.start();
  beat.start(5);
  if (rate > 0) feed.start(33);
  while (double(wall.elapsed()) < seconds * 1000) QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
  figures.share = (processSeconds() - before) / (double(wall.nsecsElapsed()) / 1e9);
  return figures;
}

}  // namespace

int main(int argc, char** argv) {
  if (!qEnvironmentVariableIsSet("DISPLAY")) qputenv("QT_QPA_PLATFORM", "offscreen");
  QApplication application(argc, argv);
  applyTheme(application, Theme::Light, 100, systemLook());
  const double seconds = argc > 1 ? std::atof(argv[1]) : 5;
  QWidget window;
  auto* row = new QHBoxLayout(&window);
  std::vector<LiveChart*> charts;
  for (int i = 0; i < 3; ++i) {
    charts.push_back(new LiveChart({"seconds", "MiB"}, {{"own", LiveSeries::Look::Main, true}}));
    charts.back()->setLimit(20, "budget 20.0 MiB");
    row->addWidget(charts.back());
  }
  std::vector<int> counts(charts.size(), kPoints);
  QElapsedTimer filling;
  filling.start();
  for (auto* chart : charts)
    for (int i = 0; i < kPoints; ++i) chart->append(0, i / kPerSecond, valueAt(i));
  std::printf("appending: %.0f ns a point\n", double(filling.nsecsElapsed()) / (3.0 * kPoints));
  window.resize(1366, 320);
  window.show();
  (void)watch(charts, counts, 0, 1);
  const Figures still = watch(charts, counts, 0, seconds);
  std::printf("nothing new:               %4.1f %% of a core, longest gap %.0f ms\n", still.share * 100, still.longestGap);
  const Figures growing = watch(charts, counts, kPerSecond, seconds);
  std::printf("3 × %.0f points/s, growing: %4.1f %% of a core, longest gap %.0f ms\n", kPerSecond, growing.share * 100,
              growing.longestGap);
  window.hide();
  const Figures hidden = watch(charts, counts, kPerSecond, seconds);
  std::printf("the same, hidden:          %4.1f %% of a core, longest gap %.0f ms\n", hidden.share * 100, hidden.longestGap);
  return 0;
}
