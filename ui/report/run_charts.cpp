// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/report/run_charts.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <unordered_map>

#include "ui/charts/numbers.h"
#include "ui/report/run_words.h"

namespace deltascope::ui {
namespace {

constexpr std::size_t kMostBars = 40;     // more are not read as bars
constexpr std::size_t kMostPoints = 120;  // of a line over time
constexpr double kShortRun = 3;           // seconds; below, an axis of whole seconds has no marks

/// The largest of every bucket: a thinned line keeps its peaks.
std::vector<std::pair<double, double>> thinned(const std::vector<std::pair<double, double>>& points) {
  if (points.size() <= kMostPoints) return points;
  std::vector<std::pair<double, double>> kept;
  for (std::size_t i = 0; i < kMostPoints; ++i) {
    const auto begin = points.begin() + static_cast<std::ptrdiff_t>(i * points.size() / kMostPoints);
    const auto end = points.begin() + static_cast<std::ptrdiff_t>((i + 1) * points.size() / kMostPoints);
    kept.push_back(*std::max_element(begin, end, [](const auto& a, const auto& b) { return a.second < b.second; }));
  }
  return kept;
}

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
  LinesChart chart;
  if (run.memory.size() < 2) return chart;
  const bool brief = run.memory.back().seconds < kShortRun;
  std::uint64_t own = 0, accounted = run.budget;
  bool alike = true;
  for (const auto& m : run.memory) {
    own = std::max(own, m.own);
    accounted = std::max(accounted, m.accounted);
    alike = alike && m.own == m.accounted;
  }
  // A unit of 1 to 1,024, so that the axis has small numbers.
  Unit unit{QStringLiteral("KiB"), 1024};
  for (const char* larger : {"MiB", "GiB"})
    if (double(std::max(own, accounted)) >= 1024 * unit.factor) unit = {QLatin1String(larger), unit.factor * 1024};
  const double scale = brief ? 1e3 : 1;
  chart.positionLabel =
      brief ? QStringLiteral("milliseconds since the run began") : QStringLiteral("seconds since the run began");
  chart.valueLabel = unit.name;
  const auto line = [&](const QString& name, std::uint64_t BenchmarkMemory::*figure) {
    std::vector<std::pair<double, double>> points;
    std::uint64_t peak = 0;
    for (const auto& m : run.memory) {
      points.emplace_back(m.seconds * scale, double(m.*figure) / unit.factor);
      peak = std::max(peak, m.*figure);
    }
    chart.lines.push_back({QStringLiteral("%1, peak %2").arg(name, sizeText(peak)), thinned(points)});
  };
  line(alike ? QStringLiteral("accounted and own") : QStringLiteral("accounted"), &BenchmarkMemory::accounted);
  if (!alike) line(QStringLiteral("own"), &BenchmarkMemory::own);
  if (run.budget)
    chart.limit = LinesChart::Limit{double(run.budget) / unit.factor, QStringLiteral("budget ") + sizeText(run.budget)};
  return chart;
}

SpreadChart latencyChart(const BenchmarkRun& run) {
  SpreadChart chart;
  chart.positionLabel = QStringLiteral("weight");
  chart.valueLabel = QStringLiteral("one use, ms");
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
