// SPDX-License-Identifier: GPL-3.0-or-later
/// What live charts cost.
///   bench_live charts [SECONDS]: three charts of 100,000 points each that are seen while they grow.
///   bench_live run MODEL [--rounds N] [--repeat N] [--tensors GLOB] [--baselines] [--page ID]: MODEL measured by the command
///     line, in the window, and by the command line again, so that what the window adds (A/B) stands beside what two runs
///     differ by anyway (A/A), after each round and over all rounds. MODEL is a packed model; where it does not exist it is
///     made: 1,352 tensors.
/// Other programs make every figure worse, never better: the load stands beside each.
#include <QApplication>
#include <QElapsedTimer>
#include <QEventLoop>
#include <QHBoxLayout>
#include <QTemporaryDir>
#include <QTimer>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <span>
#include <vector>

#include "core/bench/record.h"
#include "core/pack/pack.h"
#include "core/synth/synth.h"
#include "ui/benchmark/benchmark_page.h"
#include "ui/charts/live_chart.h"
#include "ui/frame/dialogs.h"
#include "ui/frame/main_window.h"
#include "ui/frame/model_session.h"
#include "ui/frame/settings.h"
#include "ui/frame/theme.h"

using namespace deltascope;
using namespace deltascope::ui;

namespace {

double seconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}
/// Of the window's thread alone.
double threadSeconds() { return seconds(CLOCK_THREAD_CPUTIME_ID); }

double load() {
  double now = 0;
  return getloadavg(&now, 1) == 1 ? now : -1;
}

void processEventsFor(int milliseconds) {
  QEventLoop loop;
  QTimer::singleShot(milliseconds, Qt::PreciseTimer, &loop, &QEventLoop::quit);
  loop.exec();
}

/// How long the event loop was away, by the clock and by what the thread itself worked: only the second is the program's fault.
class Gaps {
 public:
  Gaps() {
    QObject::connect(&m_beat, &QTimer::timeout, [this] { beat(); });
    m_beat.setTimerType(Qt::PreciseTimer);
    m_wall = seconds(CLOCK_MONOTONIC);
    m_start = m_wall;
    m_worked = m_first = threadSeconds();
    m_beat.start(kBeatMs);
  }
  void print(const char* what) const {
    const double passed = m_wall - m_start;
    std::printf(
        "%s: window's thread %.1f %% of a core over %.0f s; event loop away by the clock: longest %.0f ms, %d times over "
        "50 ms; busy at a stretch: longest %.0f ms, %d times over 50 ms (load %.1f)\n",
        what, 100 * (m_worked - m_first) / passed, passed, 1e3 * m_longest, m_late, 1e3 * m_longestBusy, m_busy, load());
  }

 private:
  static constexpr int kBeatMs = 10;
  void beat() {
    const double wall = seconds(CLOCK_MONOTONIC), worked = threadSeconds();
    const double away = wall - m_wall - 1e-3 * kBeatMs, busy = worked - m_worked;
    m_longest = std::max(m_longest, away);
    m_longestBusy = std::max(m_longestBusy, busy);
    m_late += away > 0.05;
    m_busy += busy > 0.05;
    m_wall = wall;
    m_worked = worked;
  }
  QTimer m_beat;
  double m_start = 0, m_wall = 0, m_first = 0, m_worked = 0, m_longest = 0, m_longestBusy = 0;
  int m_late = 0, m_busy = 0;
};

// Charts alone.

constexpr int kPoints = 100'000;
constexpr double kPerSecond = 1000;

/// Noise on a slow wave: no two columns of the picture are alike.
double valueAt(int i) { return 10 + 3 * std::sin(i * 1e-4) + double((i * 7919LL) % 1000) / 500; }

/// `rate` points a second go to each chart, in steps of a frame.
void watch(const char* what, std::vector<LiveChart*>& charts, std::vector<int>& counts, double rate, double forSeconds) {
  QElapsedTimer wall;
  QTimer feed;
  const std::vector<int> start = counts;
  QObject::connect(&feed, &QTimer::timeout, [&] {
    const int due = static_cast<int>(double(wall.nsecsElapsed()) / 1e9 * rate);
    for (std::size_t i = 0; i < charts.size(); ++i)
      for (; counts[i] < start[i] + due; ++counts[i]) charts[i]->append(0, counts[i] / kPerSecond, valueAt(counts[i]));
  });
  const Gaps gaps;
  wall.start();
  if (rate > 0) feed.start(LiveChart::kFastestMs);
  while (double(wall.elapsed()) < forSeconds * 1000) QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
  gaps.print(what);
}

int chartsAlone(double forSeconds) {
  QWidget window;
  auto* row = new QHBoxLayout(&window);
  std::vector<LiveChart*> charts;
  for (int i = 0; i < 3; ++i) {
    charts.push_back(new LiveChart({"seconds", "MiB"}, {{"own", LiveSeries::Look::Main, true}}));
    charts.back()->setLimit(20, "budget 20.0 MiB");
    row->addWidget(charts.back());
  }
  std::vector<int> counts(charts.size(), kPoints);
  for (auto* chart : charts)
    for (int i = 0; i < kPoints; ++i) chart->append(0, i / kPerSecond, valueAt(i));
  window.resize(1366, 320);
  window.show();
  watch("warming up", charts, counts, 0, 1);
  watch("nothing new", charts, counts, 0, forSeconds);
  watch("3 × 1,000 points/s at 30 frames/s", charts, counts, kPerSecond, forSeconds);
  for (auto* chart : charts) chart->setPace(250);
  watch("the same at 4 frames/s", charts, counts, kPerSecond, forSeconds);
  window.hide();
  watch("the same, hidden", charts, counts, kPerSecond, forSeconds);
  return 0;
}

// A run, in the window and by the command line.

struct Asked {
  QString model, tensors = "*", page = "benchmark";
  int rounds = 1, repeat = 10;
  bool baselines = false;
};

bool make(const std::filesystem::path& packed) {
  if (std::filesystem::exists(packed)) return true;
  std::filesystem::path plain = packed;
  plain += "-plain";
  std::printf("making %s\n", packed.c_str());
  SynthRequest synthRequest;
  synthRequest.arch = "smollm2-135m";
  synthRequest.layers = 150;
  synthRequest.out = plain;
  if (!std::filesystem::exists(plain))
    if (const auto made = synth(synthRequest, {}); !made) return std::printf("%s\n", describe(made.error()).c_str()), false;
  PackRequest request;
  request.final = plain;
  request.quantize = QuantFormat::Nf4;
  request.out = packed;
  if (const auto made = pack(request, {}); !made) return std::printf("%s\n", describe(made.error()).c_str()), false;
  return true;
}

Result<BenchmarkRun> byCommandLine(const Asked& asked, const QString& out) {
  const QString command = QString("'%1' bench '%2' --tensors '%3' --repeat %4 %5 --out '%6' --quiet > /dev/null")
                              .arg(DELTASCOPE_CLI, asked.model, asked.tensors)
                              .arg(asked.repeat)
                              .arg(asked.baselines ? "" : "--no-baselines", out);
  const double start = seconds(CLOCK_MONOTONIC);
  const int status = std::system(qPrintable(command));
  std::printf("command line: %.0f s (load %.1f)%s\n", seconds(CLOCK_MONOTONIC) - start, load(),
              status == 0 ? "" : ", exit status not 0");
  return readRun(out.toStdString());
}

Result<BenchmarkRun> inWindow(const Asked& asked, const QString& scratch) {
  Settings settings(scratch + "/settings.ini");
  RealDialogs dialogs;
  WindowServices services;
  services.engine = realEngine();
  services.settings = &settings;
  services.dialogs = &dialogs;
  services.look = systemLook();
  MainWindow window(services);
  window.resize(1366, 768);
  window.show();
  processEventsFor(300);
  window.showPage("benchmark");
  window.openPath(asked.model);
  while (!window.session().model()) QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
  auto* page = window.findChild<BenchmarkPage*>();
  BenchmarkForm form;
  form.what = BenchmarkForm::What::Tensors;
  form.tensors = asked.tensors;
  form.repeat = asked.repeat;
  form.baselines = asked.baselines;
  page->setForm(form);
  const double start = seconds(CLOCK_MONOTONIC);
  {
    const Gaps gaps;
    page->run();
    window.showPage(asked.page);
    while (page->running()) QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
    gaps.print("window");
  }
  {
    const Gaps gaps;
    processEventsFor(1000);
    gaps.print("window, the second after");
  }
  std::printf("window: %.0f s (load %.1f)\n", seconds(CLOCK_MONOTONIC) - start, load());
  if (!page->shownRun()) return fail(ErrorCode::Internal, "the window has no run");
  return *page->shownRun();
}

/// Of all weights in one mode.
struct Sums {
  double median = 0, least = 0, slow = 0;  ///< slow: the slowest of ten
};
std::map<std::string, Sums> sumsOf(const BenchmarkRun& run) {
  std::map<std::string, Sums> sums;
  const auto add = [&](const std::string& mode, const Timings& timings) {
    if (timings.empty()) return;
    std::vector<double> sorted = timings.values;
    std::sort(sorted.begin(), sorted.end());
    Sums& sum = sums[mode];
    sum.median += timings.median();
    sum.least += timings.least();
    sum.slow += sorted[static_cast<std::size_t>(0.9 * double(sorted.size() - 1) + 0.5)];
  };
  for (const auto& row : run.rows) {
    if (row.mode == "static") add("resident", row.residentMs);
    add(row.mode, row.usedMs);
  }
  for (const auto& row : run.baselines) add(row.mode, row.usedMs);
  return sums;
}

/// The sums of the same run, made several times: in the window, and by the command line twice as often.
struct Several {
  std::vector<std::map<std::string, Sums>> line, window;
};

/// A/A: how far two command lines lie apart, the furthest; A/B: how far the window lies from their middle.
void compare(const Several& runs) {
  std::printf("%-10s %-9s %21s %21s %8s %8s\n", "mode", "ms", "line, middle (range)", "window", "A/A", "A/B");
  struct Range {
    double least = 0, middle = 0, most = 0;
  };
  const auto rangeOf = [](std::span<const std::map<std::string, Sums>> sums, const std::string& mode, double Sums::*figure) {
    std::vector<double> values;
    for (const auto& one : sums)
      if (const auto found = one.find(mode); found != one.end()) values.push_back(found->second.*figure);
    if (values.empty()) return Range{};
    std::sort(values.begin(), values.end());
    return Range{values.front(), (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2, values.back()};
  };
  for (const auto& [mode, unused] : runs.line.front()) {
    const auto row = [&](const char* what, double Sums::*figure) {
      const Range a = rangeOf(runs.line, mode, figure), b = rangeOf(runs.window, mode, figure);
      if (a.middle <= 0 || b.middle <= 0) return;
      std::printf("%-10s %-9s %7.2f (%.2f–%.2f) %7.2f (%.2f–%.2f) %7.1f%% %+7.1f%%\n", mode.c_str(), what, a.middle, a.least,
                  a.most, b.middle, b.least, b.most, 100 * (a.most - a.least) / a.middle,
                  100 * (b.middle - a.middle) / a.middle);
    };
    row("least", &Sums::least);
    row("median", &Sums::median);
    row("90 %", &Sums::slow);
  }
  std::fflush(stdout);
}

int run(const Asked& asked) {
  if (!make(asked.model.toStdString())) return 1;
  QTemporaryDir scratch;
  Several all;
  for (int round = 0; round < asked.rounds; ++round) {
    std::printf("round %d of %d\n", round + 1, asked.rounds);
    const auto first = byCommandLine(asked, scratch.filePath("a.json"));
    const auto window = inWindow(asked, scratch.path());
    const auto second = byCommandLine(asked, scratch.filePath("c.json"));
    for (const auto* one : {&first, &window, &second})
      if (!*one) return std::printf("%s\n", describe(one->error()).c_str()), 1;
    const Several now{{sumsOf(*first), sumsOf(*second)}, {sumsOf(*window)}};
    compare(now);
    all.line.insert(all.line.end(), now.line.begin(), now.line.end());
    all.window.insert(all.window.end(), now.window.begin(), now.window.end());
  }
  if (asked.rounds > 1) std::printf("all rounds\n"), compare(all);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (!qEnvironmentVariableIsSet("DISPLAY")) qputenv("QT_QPA_PLATFORM", "offscreen");
  QApplication application(argc, argv);
  applyTheme(application, Theme::Light, 100, systemLook());
  QStringList words = application.arguments().mid(1);
  if (words.size() >= 2 && words[0] == "run") {
    Asked asked;
    asked.model = words[1];
    for (qsizetype i = 2; i < words.size(); ++i) {
      const QString value = i + 1 < words.size() ? words[i + 1] : QString();
      if (words[i] == "--rounds") asked.rounds = value.toInt();
      if (words[i] == "--repeat") asked.repeat = value.toInt();
      if (words[i] == "--tensors") asked.tensors = value;
      if (words[i] == "--page") asked.page = value;
      if (words[i] == "--baselines") asked.baselines = true;
    }
    return run(asked);
  }
  if (!words.isEmpty() && words[0] == "charts") return chartsAlone(words.size() > 1 ? words[1].toDouble() : 5);
  std::fputs("usage: bench_live charts [SECONDS] | bench_live run MODEL [OPTION…]\n", stderr);
  return 2;
}
