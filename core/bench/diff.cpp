// SPDX-License-Identifier: Apache-2.0
#include "core/bench/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "core/base/csv.h"
#include "core/base/last_name.h"
#include "core/base/number.h"
#include "core/base/units.h"
#include "core/bench/run_words.h"

namespace deltascope {
namespace {

using Verdict = DiffMetric::Verdict;

Verdict judged(double a, double b, Wanted wanted, bool comparable) {
  if (wanted == Wanted::Neither || !comparable) return Verdict::Changed;
  return (b < a) == (wanted == Wanted::Less) ? Verdict::Better : Verdict::Worse;
}

DiffMetric counted(const char* name, std::optional<double> a, std::optional<double> b, Wanted wanted, bool comparable) {
  DiffMetric metric{name, a, b, 0, wanted, Verdict::Same};
  if (a && b && *a != *b) metric.verdict = judged(*a, *b, wanted, comparable);
  return metric;
}

using Measured = FigureValue;

Measured measured(const Timings& timings) {
  if (timings.empty()) return {};
  return {timings.median(), timings.spread()};
}

Measured overheadOf(const BenchmarkRow& row) {
  if (row.residentMs.empty() || row.usedMs.empty()) return {};
  return {row.overheadMs(), overheadNoiseMs(row)};
}

Measured rateOf(const BenchmarkRow& row) {
  if (row.rebuildMs.empty() || row.rebuildMs.median() <= 0) return {};
  return {row.reconstructGbPerSecond(), row.reconstructGbPerSecond() * row.rebuildMs.spread() / row.rebuildMs.median()};
}

/// Rows of a run on one side or both; baselines have modes of their own.
struct Pair {
  const BenchmarkRow* a = nullptr;
  const BenchmarkRow* b = nullptr;
};

class RunComparer {
 public:
  RunComparer(const BenchmarkRun& a, const BenchmarkRun& b, double threshold) : m_a(a), m_b(b), m_threshold(threshold) {}

  RunDiff compare() {
    m_diff.apart = conditionsApart(conditionsOf(m_a), conditionsOf(m_b));
    addNotes();
    m_diff.figures = figuresRow();
    for (const auto& pair : pairs()) m_diff.rows.push_back(rowOf(pair));
    return std::move(m_diff);
  }

 private:
  [[nodiscard]] std::vector<Pair> pairs() const {
    std::vector<Pair> pairs;
    std::unordered_map<std::string, std::size_t> places;
    const auto each = [&](const BenchmarkRun& run, const BenchmarkRow* Pair::*side) {
      for (const auto* rows : {&run.rows, &run.baselines})
        for (const auto& row : *rows) {
          const auto [at, added] = places.try_emplace(row.tensor + '\n' + row.mode, pairs.size());
          if (added) pairs.emplace_back();
          if (!(pairs[at->second].*side)) pairs[at->second].*side = &row;
        }
    };
    each(m_a, &Pair::a);
    each(m_b, &Pair::b);
    return pairs;
  }

  void addNotes() {
    if (m_a.modelFingerprint != m_b.modelFingerprint)
      m_diff.notes.push_back(fmt::format(
          "the runs are of different models, {} and {}: weights of one name may have other sizes", m_a.path, m_b.path));
    for (const auto& apart : m_diff.apart) m_diff.notes.push_back("not the same " + apart);
    for (const auto* run : {&m_a, &m_b})
      if (run->state != BenchmarkState::Complete)
        m_diff.notes.push_back(fmt::format("the {} run is {}", run == &m_a ? "first" : "second", stateWords(run->state)));
    if (!m_diff.comparable())
      m_diff.notes.emplace_back("differences of such runs are shown and not judged: nothing is better or worse");
  }

  [[nodiscard]] DiffRow figuresRow() const {
    const RunFigures a = figuresOf(m_a), b = figuresOf(m_b);
    DiffRow row;
    row.tensor = "(run)";
    row.mode = a.mode.empty() ? b.mode : a.mode;
    for (const RunFigure& figure : runFigureTable()) {
      const FigureValue &x = a[figure.id], &y = b[figure.id];
      if (!x.value && !y.value) continue;
      DiffMetric metric{std::string(figure.key), x.value, y.value, std::max(x.spread, y.spread), figure.wanted, Verdict::Same};
      if (x.value && y.value) metric.verdict = judge(figure, x, y, m_threshold, m_diff.comparable());
      row.metrics.push_back(std::move(metric));
    }
    return row;
  }

  void add(DiffRow& row, const char* name, const Measured& a, const Measured& b, Wanted wanted) const {
    if (!a.value && !b.value) return;
    DiffMetric metric{name, a.value, b.value, std::max(a.spread, b.spread), wanted, Verdict::Same};
    if (a.value && b.value) metric.verdict = judge(a, b, wanted, m_threshold, m_diff.comparable());
    row.metrics.push_back(std::move(metric));
  }

  void addDrafts(DiffRow& row, const std::optional<DraftFigures>& a, const std::optional<DraftFigures>& b) const {
    const DraftFigures none, &da = a && a->asked() ? *a : none, &db = b && b->asked() ? *b : none;
    add(row, "tokens_per_exact_pass", {da.tokensPerPass(), 0}, {db.tokensPerPass(), 0}, Wanted::More);
    add(row, "acceptance", {da.acceptance(), 0}, {db.acceptance(), 0}, Wanted::More);
    add(row, "draft_ms", measured(da.draftMs), measured(db.draftMs), Wanted::Less);
    add(row, "verify_ms", measured(da.verifyMs), measured(db.verifyMs), Wanted::Less);
  }

  [[nodiscard]] DiffRow rowOf(const Pair& pair) const {
    static const BenchmarkRow none;
    const BenchmarkRow &a = pair.a ? *pair.a : none, &b = pair.b ? *pair.b : none, &any = pair.a ? a : b;
    DiffRow row;
    row.tensor = any.tensor;
    row.mode = any.mode;
    row.inA = pair.a != nullptr;
    row.inB = pair.b != nullptr;
    add(row, "latency_gt_ms", measured(a.residentMs), measured(b.residentMs), Wanted::Less);
    add(row, "latency_jit_ms", measured(a.usedMs), measured(b.usedMs), Wanted::Less);
    add(row, "overhead_ms", overheadOf(a), overheadOf(b), Wanted::Less);
    add(row, "reconstruct_gb_per_s", rateOf(a), rateOf(b), Wanted::More);
    const GenerationFigures nothing, &ga = a.generation ? *a.generation : nothing, &gb = b.generation ? *b.generation : nothing;
    add(row, "tokens_per_second", measured(ga.tokensPerSecond), measured(gb.tokensPerSecond), Wanted::More);
    add(row, "time_to_first_token_ms", measured(ga.timeToFirstTokenMs), measured(gb.timeToFirstTokenMs), Wanted::Less);
    addDrafts(row, ga.drafts, gb.drafts);
    const auto count = [&](const char* name, auto value, Wanted wanted) {
      std::optional<double> x, y;
      if (pair.a) x = static_cast<double>(value(a));
      if (pair.b) y = static_cast<double>(value(b));
      row.metrics.push_back(counted(name, x, y, wanted, m_diff.comparable()));
    };
    count(
        "layer_bytes", [](const BenchmarkRow& r) { return r.layerBytes; }, Wanted::Neither);
    count(
        "stored_bytes", [](const BenchmarkRow& r) { return r.storedBytes; }, Wanted::Less);
    count(
        "resident_bytes", [](const BenchmarkRow& r) { return r.residentBytes; }, Wanted::Less);
    count(
        "peak_memory_bytes", [](const BenchmarkRow& r) { return r.peakMemoryBytes; }, Wanted::Less);
    count(
        "memory_saved_bytes", [](const BenchmarkRow& r) { return r.memorySavedBytes(); }, Wanted::More);
    if (pair.a && pair.b) addRemarks(a, b, row);
    return row;
  }

  void addRemarks(const BenchmarkRow& a, const BenchmarkRow& b, DiffRow& row) const {
    if (a.codec != b.codec) row.remarks.push_back(fmt::format("codec {} → {}", a.codec, b.codec));
    if (a.bitExact != b.bitExact) row.remarks.emplace_back(b.bitExact ? "bit-exact now" : "no longer bit-exact");
    const std::string &x = a.generation ? a.generation->logitsHash : a.outputHash,
                      &y = b.generation ? b.generation->logitsHash : b.outputHash;
    if (m_a.seed == m_b.seed && x != y) row.remarks.emplace_back(a.generation ? "other logits" : "another output");
  }

  const BenchmarkRun& m_a;
  const BenchmarkRun& m_b;
  double m_threshold;
  RunDiff m_diff;
};

DiffRow payloadRow(const TensorStats* a, const TensorStats* b) {
  DiffRow row;
  row.tensor = (a ? a : b)->name;
  row.inA = a != nullptr;
  row.inB = b != nullptr;
  const auto count = [&](const char* name, auto value, Wanted wanted) {
    std::optional<double> x, y;
    if (a) x = static_cast<double>(value(*a));
    if (b) y = static_cast<double>(value(*b));
    row.metrics.push_back(counted(name, x, y, wanted, true));
  };
  count(
      "stored_bytes", [](const TensorStats& t) { return t.storedBytes; }, Wanted::Less);
  count(
      "bits_per_weight", [](const TensorStats& t) { return t.bitsPerWeight(); }, Wanted::Less);
  count(
      "sparsity", [](const TensorStats& t) { return t.sparsity(); }, Wanted::Neither);
  count(
      "base_bytes", [](const TensorStats& t) { return t.baseBytes; }, Wanted::Less);
  if (!a || !b) return row;
  if (a->codec != b->codec) row.remarks.push_back(fmt::format("codec {} → {}", nameOf(a->codec), nameOf(b->codec)));
  if (a->base != b->base) row.remarks.push_back(fmt::format("base {} → {}", nameOf(a->base), nameOf(b->base)));
  if (a->shape != b->shape) row.remarks.push_back(fmt::format("shape {} → {}", shapeText(a->shape), shapeText(b->shape)));
  if (a->dtype != b->dtype) row.remarks.push_back(fmt::format("type {} → {}", nameOf(a->dtype), nameOf(b->dtype)));
  if (a->finalHash != b->finalHash) row.remarks.emplace_back("another final");
  return row;
}

}  // namespace

std::string_view nameOf(DiffMetric::Verdict verdict) {
  switch (verdict) {
    case Verdict::Same:
      return "same";
    case Verdict::Better:
      return "better";
    case Verdict::Worse:
      return "worse";
    case Verdict::Changed:
      break;
  }
  return "changed";
}

std::vector<RunCondition> conditionsOf(const BenchmarkRun& run) {
  std::vector<RunCondition> conditions;
  const auto add = [&](std::string name, std::string value, std::string shown) {
    conditions.push_back({std::move(name), std::move(value), std::move(shown)});
  };
  add("model", run.modelFingerprint + (run.baseOnly ? " base" : ""),
      fmt::format("{}{} ({})", lastNameOf(run.path), run.baseOnly ? ", base only" : "", run.modelFingerprint.substr(0, 8)));
  add("device", run.device.id + ' ' + run.device.name, run.device.name);
  add("processor", run.machine.processor, run.machine.processor);
  add("budget", std::to_string(run.budget), run.budget ? formatGib(run.budget) : "none");
  add("seed", std::to_string(run.seed), std::to_string(run.seed));
  for (const auto& [key, value] : run.settings) add(key, value, value);
  for (const auto& row : run.rows)
    if (row.generation) {
      const std::string ids = fmt::format("{}", fmt::join(row.generation->promptIds, ","));
      add("prompt", ids, counted(row.generation->promptIds.size(), "token"));
      break;
    }
  const RunFigures figures = figuresOf(run);
  add("mode of the figures", figures.mode + ' ' + figures.generationMode,
      figures.generationMode.empty() ? modeWords(figures.mode) : modeWords(figures.generationMode));
  if (run.state == BenchmarkState::Complete)
    add("end", "complete", "complete");
  else
    add("end", fmt::format("{} {}", nameOf(run.state), run.rows.size()),
        fmt::format("{} after {}", stateWords(run.state), counted(run.rows.size(), "result")));
  return conditions;
}

std::vector<std::string> conditionsApart(const std::vector<RunCondition>& a, const std::vector<RunCondition>& b) {
  std::vector<std::string> apart;
  for (const RunCondition& one : a) {
    const auto other = std::find_if(b.begin(), b.end(), [&](const RunCondition& c) { return c.name == one.name; });
    if (other == b.end() || other->value == one.value) continue;
    apart.push_back(fmt::format("{}: {} and {}", one.name, one.shown, other->shown));
  }
  return apart;
}

Verdict judge(const FigureValue& a, const FigureValue& b, Wanted wanted, double threshold, bool comparable) {
  if (!a.value || !b.value) return Verdict::Same;
  const double noise = std::max({threshold * std::abs(*a.value), a.spread, b.spread});
  return std::abs(*b.value - *a.value) > noise ? judged(*a.value, *b.value, wanted, comparable) : Verdict::Same;
}

Verdict judge(const RunFigure& figure, const FigureValue& a, const FigureValue& b, double threshold, bool comparable) {
  const bool counts =
      figure.unit == FigureUnit::Count || (figure.unit == FigureUnit::Bytes && figure.id != RunFigureId::OwnPeak);
  return judge(a, b, figure.wanted, counts ? 0 : threshold, comparable);
}

std::optional<double> DiffMetric::absolute() const { return a && b ? std::optional(*b - *a) : std::nullopt; }

std::optional<double> DiffMetric::relative() const {
  return a && b && *a != 0 ? std::optional((*b - *a) / std::abs(*a)) : std::nullopt;
}

bool DiffRow::differs() const {
  return !inA || !inB || !remarks.empty() ||
         std::any_of(metrics.begin(), metrics.end(), [](const DiffMetric& m) { return m.verdict != Verdict::Same; });
}

const DiffMetric* DiffRow::find(std::string_view metric) const {
  const auto at = std::find_if(metrics.begin(), metrics.end(), [&](const DiffMetric& m) { return m.name == metric; });
  return at == metrics.end() ? nullptr : &*at;
}

std::size_t RunDiff::differing() const {
  return static_cast<std::size_t>(std::count_if(rows.begin(), rows.end(), [](const DiffRow& row) { return row.differs(); }));
}

RunDiff compareRuns(const BenchmarkRun& a, const BenchmarkRun& b, double threshold) {
  return RunComparer(a, b, threshold).compare();
}

RunDiff comparePayloads(const std::vector<TensorStats>& a, const std::vector<TensorStats>& b) {
  RunDiff diff;
  std::unordered_map<std::string_view, const TensorStats*> others;
  for (const auto& tensor : b) others.emplace(tensor.name, &tensor);
  for (const auto& tensor : a) {
    const auto found = others.find(tensor.name);
    diff.rows.push_back(payloadRow(&tensor, found == others.end() ? nullptr : found->second));
    if (found != others.end()) others.erase(found);
  }
  for (const auto& tensor : b)
    if (others.contains(tensor.name)) diff.rows.push_back(payloadRow(nullptr, &tensor));
  return diff;
}

std::string toCsv(const RunDiff& diff, bool all) {
  std::string csv = "tensor,mode,side,metric,a,b,absolute,relative,noise,verdict,remarks\r\n";
  const auto cell = [](std::optional<double> value) { return value ? numberText(*value) : std::string(); };
  const auto add = [&](const DiffRow& row) {
    for (const auto& m : row.metrics) {
      if (!all && row.remarks.empty() && row.inA && row.inB && m.verdict == Verdict::Same) continue;
      csv += fmt::format("{},{},{},{},{},{},{},{},{},{},{}\r\n", csvField(row.tensor), csvField(row.mode),
                         row.inA ? (row.inB ? "both" : "a") : "b", m.name, cell(m.a), cell(m.b), cell(m.absolute()),
                         cell(m.relative()), numberText(m.noise), nameOf(m.verdict),
                         csvField(fmt::format("{}", fmt::join(row.remarks, "; "))));
    }
  };
  if (diff.figures) add(*diff.figures);
  for (const auto& row : diff.rows)
    if (all || row.differs()) add(row);
  return csv;
}

}  // namespace deltascope
