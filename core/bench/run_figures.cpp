// SPDX-License-Identifier: Apache-2.0
#include "core/bench/run_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/base/csv.h"
#include "core/base/number.h"
#include "core/base/units.h"

namespace deltascope {
namespace {

using Id = RunFigureId;
using Unit = FigureUnit;

constexpr std::array<RunFigure, kRunFigureCount> kTable{{
    {Id::TokensPerSecond, "tokens_per_second", "speed", Unit::TokensPerSecond, Wanted::More,
     "Median speed of generation in its mode"},
    {Id::FirstToken, "time_to_first_token_ms", "first token", Unit::Milliseconds, Wanted::Less,
     "Median time until the first token, the prompt included"},
    {Id::UndraftedSpeed, "undrafted_tokens_per_second", "speed without drafts", Unit::TokensPerSecond, Wanted::More,
     "Median speed of the same generation without drafts"},
    {Id::TokensPerPass, "tokens_per_exact_pass", "tokens a pass", Unit::Ratio, Wanted::More,
     "Tokens that an exact pass gave: those of its drafts that were right, and one"},
    {Id::Acceptance, "acceptance", "drafts right", Unit::Ratio, Wanted::More,
     "Of the drafts that were tried, up to the first wrong one of each pass, the share that was right"},
    {Id::SimulatedAcceptance, "simulated_acceptance", "simulated", Unit::Ratio, Wanted::Neither,
     "Drafts were right with this probability whatever the base said: the speed is what it would be, no draft was a model's"},
    {Id::DraftTime, "draft_ms", "drafting", Unit::Milliseconds, Wanted::Less, "Median time of an answer in making drafts"},
    {Id::VerifyTime, "verify_ms", "exact passes", Unit::Milliseconds, Wanted::Less,
     "Median time of an answer in the exact passes after the prompt"},
    {Id::Latency, "latency_ms", "latency", Unit::Milliseconds, Wanted::Less,
     "One use of every tensor measured in the mode, reconstruction included: the sum of their medians"},
    {Id::Resident, "resident_latency_ms", "resident latency", Unit::Milliseconds, Wanted::Less,
     "The same uses of the same tensors with the final weights kept in memory: the ground truth"},
    {Id::Rebuild, "reconstruct_gb_per_s", "rebuild", Unit::GbPerSecond, Wanted::More,
     "10^9 bytes of final weights reconstructed a second in the mode, its tensors together"},
    {Id::Peak, "peak_memory_bytes", "peak", Unit::Bytes, Wanted::Less,
     "The most memory accounted on the device in the mode; reference and baselines are not in it"},
    {Id::PlannedPeak, "planned_peak_bytes", "planned peak", Unit::Bytes, Wanted::Less, "What the plan of the mode expected"},
    {Id::Budget, "budget_bytes", "budget", Unit::Bytes, Wanted::Neither, "What the plan had to keep to"},
    {Id::OutsidePeak, "outside_peak_bytes", "beside the plan", Unit::Bytes, Wanted::Neither,
     "The most accounted for the copy probe, the resident reference and the baselines, which no budget limits"},
    {Id::OwnPeak, "own_peak_bytes", "own memory", Unit::Bytes, Wanted::Neither,
     "The most that this process held while the run went on, as the system or the driver tells it"},
    {Id::Tensors, "tensors", "tensors", Unit::Count, Wanted::Neither, "Tensors that were measured in any mode"},
    {Id::Checks, "checks", "checks", Unit::Count, Wanted::Neither, "Results that were checked, one a tensor and mode"},
    {Id::ChecksPassed, "checks_passed", "checks passed", Unit::Count, Wanted::Neither,
     "Those that gave the final's bits, or the same logits each time, and an output that is not 0"},
    {Id::NotMeasured, "not_measured", "not measured", Unit::Count, Wanted::Neither,
     "What was chosen and not measured; the run says why of each"},
}};

/// Of the modes that rows have, the one to speak of.
std::string chosenMode(const std::vector<BenchmarkRow>& rows, bool generation) {
  for (const std::string_view mode : {"plan", "jit", "stream", "static"})
    for (const auto& row : rows)
      if (row.generation.has_value() == generation && row.mode == mode) return row.mode;
  return {};
}

void add(FigureValue& sum, const Timings& timings) {
  if (timings.empty()) return;
  sum.value = sum.value.value_or(0) + timings.median();
  sum.spread += timings.spread();
}
void put(FigureValue& figure, const Timings& timings) {
  if (!timings.empty()) figure = {timings.median(), timings.spread()};
}
void raise(FigureValue& figure, std::uint64_t bytes) {
  if (bytes) figure.value = std::max(figure.value.value_or(0), static_cast<double>(bytes));
}

class Figures {
 public:
  explicit Figures(const BenchmarkRun& run) : m_run(run) {
    m_figures.mode = chosenMode(run.rows, false);
    m_figures.generationMode = chosenMode(run.rows, true);
  }
  RunFigures make() {
    std::set<std::string_view> tensors;
    std::uint64_t passed = 0;
    for (const auto& row : m_run.rows) {
      if (!row.generation) tensors.insert(row.tensor);
      passed += row.bitExact && row.outputNorm != 0;
      if (isHeadline(row, m_figures)) addRow(row);
    }
    addRebuild();
    for (const auto& sample : m_run.memory)
      if (!sample.phase.empty() && !withinBudget(sample.phase)) raise(at(Id::OutsidePeak), sample.accounted);
    for (const auto& row : m_run.baselines) {
      if (!withinBudget(row.mode)) raise(at(Id::OutsidePeak), row.peakMemoryBytes);
      if (row.generation && draftedMode(row.mode) == m_figures.generationMode)
        put(at(Id::UndraftedSpeed), row.generation->tokensPerSecond);
    }
    raise(at(Id::Budget), m_run.budget);
    if (!m_run.ownIsAccounted) raise(at(Id::OwnPeak), m_run.ownPeakBytes);
    at(Id::Tensors).value = static_cast<double>(tensors.size());
    at(Id::Checks).value = static_cast<double>(m_run.rows.size());
    at(Id::ChecksPassed).value = static_cast<double>(passed);
    at(Id::NotMeasured).value = static_cast<double>(m_run.skipped.size());
    for (auto& figure : m_figures.values) {
      if (figure.value) figure.value = rounded(*figure.value);
      figure.spread = rounded(figure.spread);
    }
    return std::move(m_figures);
  }

 private:
  FigureValue& at(Id id) { return m_figures.values[static_cast<std::size_t>(id)]; }
  void addRow(const BenchmarkRow& row) {
    const bool speaks = row.generation.has_value() == !m_figures.generationMode.empty();
    if (speaks) {
      raise(at(Id::Peak), row.peakMemoryBytes);
      raise(at(Id::PlannedPeak), row.generation ? row.generation->expectedPeakBytes : row.plannedPeakBytes);
    }
    if (row.generation) {
      put(at(Id::TokensPerSecond), row.generation->tokensPerSecond);
      put(at(Id::FirstToken), row.generation->timeToFirstTokenMs);
      if (const auto& drafts = row.generation->drafts; drafts && drafts->asked()) addDrafts(*drafts);
      return;
    }
    if (row.usedMs.empty()) return;
    add(at(Id::Latency), row.usedMs);
    add(at(Id::Resident), row.residentMs);
  }
  void addDrafts(const DraftFigures& drafts) {
    at(Id::TokensPerPass).value = drafts.tokensPerPass();
    at(Id::Acceptance).value = drafts.acceptance();
    at(Id::SimulatedAcceptance).value = drafts.simulatedAcceptance;
    put(at(Id::DraftTime), drafts.draftMs);
    put(at(Id::VerifyTime), drafts.verifyMs);
  }
  void addRebuild() {
    double bytes = 0, milliseconds = 0, spread = 0;
    for (const auto& row : m_run.rows) {
      if (row.generation || !isHeadline(row, m_figures) || row.rebuildMs.empty()) continue;
      bytes += static_cast<double>(row.layerBytes);
      milliseconds += row.rebuildMs.median();
      spread += row.rebuildMs.spread();
    }
    if (milliseconds <= 0) return;
    const double rate = 1e-6 * bytes / milliseconds;
    at(Id::Rebuild) = {rate, rate * spread / milliseconds};
  }

  const BenchmarkRun& m_run;
  RunFigures m_figures;
};

}  // namespace

std::span<const RunFigure> runFigureTable() { return kTable; }
const RunFigure& describe(RunFigureId id) { return kTable[static_cast<std::size_t>(id)]; }

std::uint64_t RunFigures::count(RunFigureId id) const { return static_cast<std::uint64_t>((*this)[id].value.value_or(0)); }

std::string_view RunFigures::modeOf(RunFigureId id) const {
  switch (id) {
    case Id::TokensPerSecond:
    case Id::FirstToken:
    case Id::UndraftedSpeed:
    case Id::TokensPerPass:
    case Id::Acceptance:
    case Id::SimulatedAcceptance:
    case Id::DraftTime:
    case Id::VerifyTime:
      return generationMode;
    case Id::Latency:
    case Id::Resident:
    case Id::Rebuild:
      return mode;
    case Id::Peak:
    case Id::PlannedPeak:
      return generationMode.empty() ? mode : generationMode;
    default:
      return {};
  }
}

RunFigures figuresOf(const BenchmarkRun& run) { return Figures(run).make(); }

bool isHeadline(const BenchmarkRow& row, const RunFigures& figures) {
  return row.mode == (row.generation ? figures.generationMode : figures.mode);
}

std::string_view nameOf(FigureUnit unit) {
  switch (unit) {
    case Unit::TokensPerSecond:
      return "tokens/s";
    case Unit::Milliseconds:
      return "ms";
    case Unit::GbPerSecond:
      return "GB/s";
    case Unit::Bytes:
      return "bytes";
    case Unit::Count:
    case Unit::Ratio:
      break;
  }
  return {};
}

std::string exactText(FigureUnit unit, double value) {
  const bool whole = (unit == Unit::Bytes || unit == Unit::Count) && value >= 0 && value < 0x1p63;
  const std::string number = whole ? formatCount(static_cast<std::uint64_t>(value)) : numberText(value);
  return nameOf(unit).empty() ? number : fmt::format("{} {}", number, nameOf(unit));
}

std::string shortText(FigureUnit unit, double value) {
  if (unit == Unit::Count) return exactText(unit, value);
  if (unit == Unit::Bytes) return formatGib(static_cast<std::uint64_t>(std::max(0.0, value)));
  if (unit == Unit::Ratio) return significantText(value);
  return fmt::format("{} {}", significantText(value), nameOf(unit));
}

std::string figuresCsv(const RunFigures& figures) {
  std::string csv = "key,label,mode,value,spread,unit\r\n";
  for (const RunFigure& figure : kTable) {
    const FigureValue& value = figures[figure.id];
    csv += fmt::format("{},{},{},{},{},{}\r\n", figure.key, csvField(figure.label), csvField(figures.modeOf(figure.id)),
                       value.value ? numberText(*value.value) : std::string(), value.value ? numberText(value.spread) : "",
                       nameOf(figure.unit));
  }
  return csv;
}

}  // namespace deltascope
