// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/report/run_charts.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <unordered_map>

#include "core/bench/run_figures.h"
#include "ui/charts/numbers.h"
#include "ui/report/run_words.h"

namespace deltascope::ui {
namespace {

constexpr std::size_t kMostBars = 40;     // more are not read as bars
constexpr std::size_t kMostPoints = 120;  // of a line over time
constexpr double kShortRun = 3;           // seconds; below, an axis of whole seconds has no marks

/// Memory over time in steps, as it is held until it changes. Long runs become the most of each short while.
class MemoryLines {
 public:
  MemoryLines(const BenchmarkRun& run, std::uint64_t largest) : m_run(run) {
    // A unit of 1 to 1,024, so that the axis has small numbers.
    m_unit = {QStringLiteral("KiB"), 1024};
    for (const char* larger : {"MiB", "GiB"})
      if (double(largest) >= 1024 * m_unit.factor) m_unit = {QLatin1String(larger), m_unit.factor * 1024};
    const bool brief = run.memory.back().seconds < kShortRun;
    m_scale = brief ? 1e3 : 1;
    m_chart.positionLabel =
        brief ? QStringLiteral("milliseconds since the run began") : QStringLiteral("seconds since the run began");
    m_chart.valueLabel = m_unit.name;
    m_chart.steps = true;
    m_chart.fromZero = true;
  }
  /// Of the samples that `wanted` takes; nothing where it takes none.
  template <class Value, class Wanted>
  void add(const QString& label, LinesChart::Line::Look look, Value value, Wanted wanted) {
    LinesChart::Line line{label, {}};
    line.look = look;
    line.dots = false;
    if (m_run.memory.size() > kMostPoints)
      addMost(line, value, wanted);
    else
      addEach(line, value, wanted);
    if (!line.points.empty()) m_chart.lines.push_back(std::move(line));
  }
  LinesChart take(std::uint64_t budget) {
    if (budget) m_chart.limit = LinesChart::Limit{double(budget) / m_unit.factor, QStringLiteral("budget ") + sizeText(budget)};
    return std::move(m_chart);
  }

 private:
  template <class Value, class Wanted>
  void addEach(LinesChart::Line& line, Value value, Wanted wanted) const {
    bool holds = false;
    for (const auto& m : m_run.memory) {
      const double at = m.seconds * m_scale;
      if (wanted(m)) {
        line.points.emplace_back(at, double(value(m)) / m_unit.factor);
      } else if (holds) {
        line.points.emplace_back(at, line.points.back().second);
        line.points.emplace_back(at, std::numeric_limits<double>::quiet_NaN());
      }
      holds = wanted(m);
    }
  }
  template <class Value, class Wanted>
  void addMost(LinesChart::Line& line, Value value, Wanted wanted) const {
    const double each = m_run.memory.back().seconds / double(kMostPoints);
    std::size_t bucket = 0;
    for (const auto& m : m_run.memory) {
      if (!wanted(m)) continue;
      const auto now = each > 0 ? static_cast<std::size_t>(m.seconds / each) : 0;
      const double held = double(value(m)) / m_unit.factor;
      if (line.points.empty() || now != bucket)
        line.points.emplace_back(m.seconds * m_scale, held);
      else
        line.points.back().second = std::max(line.points.back().second, held);
      bucket = now;
    }
  }
  const BenchmarkRun& m_run;
  Unit m_unit;
  double m_scale = 1;
  LinesChart m_chart;
};

QString barLabel(const BenchmarkRow& row, bool baseline) {
  return QStringLiteral("%1 · %2%3")
      .arg(shortTensor(row.tensor), modeText(row.mode), baseline ? QStringLiteral(", baseline") : QString());
}

QString savedText(std::int64_t bytes, std::uint64_t final) {
  const QString share =
      final ? QStringLiteral(" (%1 of %2)").arg(percentText(double(bytes) / double(final)), sizeText(final)) : QString();
  return signedBytes(bytes) + share + (bytes < 0 ? QStringLiteral(": takes more") : QString());
}

}  // namespace

LinesChart memoryChart(const BenchmarkRun& run) {
  if (run.memory.size() < 2) return {};
  const RunFigures figures = figuresOf(run);
  const std::string mode = figures.generationMode.empty() ? figures.mode : figures.generationMode;
  std::uint64_t most = run.budget, all = 0;
  bool phases = false;
  for (const auto& m : run.memory) {
    all = std::max(all, m.accounted);
    phases = phases || !m.phase.empty();
  }
  most = std::max(most, all);
  MemoryLines lines(run, most);
  const auto accounted = [](const BenchmarkMemory& m) { return m.accounted; };
  if (!phases) {
    lines.add(QStringLiteral("accounted, peak %1").arg(sizeText(all)), LinesChart::Line::Look::Main, accounted,
              [](const BenchmarkMemory&) { return true; });
    return lines.take(run.budget);
  }
  const auto peak = figures.count(RunFigureId::Peak), outside = figures.count(RunFigureId::OutsidePeak);
  if (peak)
    lines.add(QStringLiteral("%1, peak %2").arg(modeText(mode), sizeText(peak)), LinesChart::Line::Look::Main, accounted,
              [&](const BenchmarkMemory& m) { return m.phase == mode; });
  lines.add(QStringLiteral("other modes"), LinesChart::Line::Look::Context, accounted,
            [&](const BenchmarkMemory& m) { return withinBudget(m.phase) && m.phase != mode; });
  lines.add(QStringLiteral("reference, baselines: %1").arg(sizeText(outside)), LinesChart::Line::Look::Context, accounted,
            [](const BenchmarkMemory& m) { return !withinBudget(m.phase); });
  return lines.take(run.budget);
}

LinesChart deviceMemoryChart(const BenchmarkRun& run) {
  const std::uint64_t own = figuresOf(run).count(RunFigureId::OwnPeak);
  if (run.memory.size() < 2 || own == 0) return {};
  MemoryLines lines(run, own);
  lines.add(
      QStringLiteral("this process, peak %1").arg(sizeText(own)), LinesChart::Line::Look::Main,
      [](const BenchmarkMemory& m) { return m.own; }, [](const BenchmarkMemory&) { return true; });
  return lines.take(0);
}

SpreadChart latencyChart(const BenchmarkRun& run) {
  SpreadChart chart;
  chart.positionLabel = QStringLiteral("weight");
  chart.valueLabel = QStringLiteral("one use");
  chart.durations = true;
  std::unordered_map<std::string, std::size_t> places;
  for (const auto& row : run.rows)
    if (!row.generation && places.try_emplace(row.tensor, places.size()).second) chart.positions << shortTensor(row.tensor);
  std::map<std::string, std::vector<SpreadChart::Point>> series;
  const auto add = [&](const BenchmarkRow& row, const std::string& mode, const Timings& timings) {
    const auto place = places.find(row.tensor);
    if (row.generation || timings.empty() || place == places.end()) return;
    auto& points = series.try_emplace(mode, places.size()).first->second;
    points[place->second] = {timings.least(), timings.median(), timings.most(), true};
  };
  for (const auto* rows : {&run.rows, &run.baselines})
    for (const auto& row : *rows) {
      add(row, "resident", row.residentMs);
      add(row, row.mode, row.usedMs);
    }
  for (const char* mode : {"resident", "static", "jit", "stream", "zstd", "additive", "base"})
    if (const auto found = series.find(mode); found != series.end()) chart.series.push_back({modeText(mode), found->second});
  return chart;
}

BarsChart savedChart(const BenchmarkRun& run) {
  BarsChart chart;
  chart.valueLabel = QStringLiteral("memory saved against the resident weight");
  struct Sum {
    std::int64_t saved = 0;
    std::uint64_t final = 0, tensors = 0;
  };
  const bool each = run.rows.size() + run.baselines.size() <= kMostBars;
  std::map<QString, Sum> sums;
  std::vector<QString> order;
  bool any = false;
  for (const bool baseline : {false, true})
    for (const auto& row : baseline ? run.baselines : run.rows) {
      // What is resident saves nothing, by what the word means.
      if (row.mode == "resident" || (row.mode == "static" && row.memorySavedBytes() == 0)) continue;
      any = any || row.memorySavedBytes() != 0;
      if (baseline && !each) continue;
      const QString label =
          each || row.generation
              ? barLabel(row, baseline)
              : QStringLiteral("all %1 · %2").arg(QString::fromStdString(tensorRole(row.tensor).kind), modeText(row.mode));
      const auto [at, added] = sums.try_emplace(label);
      if (added) order.push_back(label);
      at->second.saved += row.memorySavedBytes();
      at->second.final += row.layerBytes;
      ++at->second.tensors;
    }
  if (!any) return chart;
  for (const QString& label : order) {
    const Sum& sum = sums[label];
    // Bars grow to the right only; a negative amount is told by its words.
    chart.bars.push_back({label, std::max(0.0, double(sum.saved)), savedText(sum.saved, sum.final)});
  }
  return chart;
}

BarsChart tokensChart(const BenchmarkRun& run) {
  BarsChart chart;
  chart.valueLabel = QStringLiteral("tokens/s, median (least–most)");
  for (const bool baseline : {false, true})
    for (const auto& row : baseline ? run.baselines : run.rows) {
      if (!row.generation || row.generation->tokensPerSecond.empty()) continue;
      const auto& rate = row.generation->tokensPerSecond;
      chart.bars.push_back({modeText(row.mode) + (baseline ? QStringLiteral(", baseline") : QString()), rate.median(),
                            spreadText(rate) + QStringLiteral(" tokens/s")});
    }
  return chart;
}

LinesChart tokensByRepetition(const BenchmarkRun& run) {
  LinesChart chart;
  chart.positionLabel = QStringLiteral("repetition");
  chart.valueLabel = QStringLiteral("tokens/s");
  for (const auto* rows : {&run.rows, &run.baselines})
    for (const auto& row : *rows) {
      if (!row.generation || row.generation->tokensPerSecond.values.size() < 2) continue;
      LinesChart::Line line{modeText(row.mode), {}};
      for (const double value : row.generation->tokensPerSecond.values)
        line.points.emplace_back(static_cast<double>(line.points.size() + 1), value);
      chart.lines.push_back(std::move(line));
    }
  return chart;
}

}  // namespace deltascope::ui
