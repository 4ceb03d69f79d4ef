// SPDX-License-Identifier: Apache-2.0
#include "core/bench/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "core/bench/csv.h"

namespace deltascope {
namespace {

using Wanted = DiffMetric::Wanted;
using Verdict = DiffMetric::Verdict;

Verdict judged(double a, double b, Wanted wanted) {
  if (wanted == Wanted::Neither) return Verdict::Changed;
  return (b < a) == (wanted == Wanted::Less) ? Verdict::Better : Verdict::Worse;
}

DiffMetric counted(const char* name, std::optional<double> a, std::optional<double> b, Wanted wanted) {
  DiffMetric metric{name, a, b, 0, wanted, Verdict::Same};
  if (a && b && *a != *b) metric.verdict = judged(*a, *b, wanted);
  return metric;
}

/// A figure that repetitions scatter: its value and its spread.
struct Measured {
  std::optional<double> value;
  double spread = 0;
};

Measured measured(const Timings& timings) {
  if (timings.empty()) return {};
  return {timings.median(), timings.spread()};
}

Measured overheadOf(const BenchmarkRow& row) {
  if (row.residentMs.empty() || row.usedMs.empty()) return {};
  return {row.overheadMs(), row.residentMs.spread() + row.usedMs.spread()};
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
    addNotes();
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
    const auto note = [this](bool same, const char* what, const std::string& a, const std::string& b) {
      if (!same) m_diff.notes.push_back(fmt::format("{}: {} and {}", what, a, b));
    };
    if (m_a.modelFingerprint != m_b.modelFingerprint)
      m_diff.notes.push_back(fmt::format(
          "the runs are of different models, {} and {}: weights of one name may have other sizes", m_a.path, m_b.path));
    note(m_a.device.name == m_b.device.name, "different devices", m_a.device.name, m_b.device.name);
    note(m_a.machine.processor == m_b.machine.processor, "different processors", m_a.machine.processor, m_b.machine.processor);
    note(m_a.seed == m_b.seed, "different seeds, so outputs differ", std::to_string(m_a.seed), std::to_string(m_b.seed));
    for (const char* name : {"threads", "batch"}) {
      const auto x = m_a.settings.find(name), y = m_b.settings.find(name);
      if (x != m_a.settings.end() && y != m_b.settings.end())
        note(x->second == y->second, fmt::format("different {}", name).c_str(), x->second, y->second);
    }
    for (const auto* run : {&m_a, &m_b})
      if (run->state != BenchmarkState::Complete)
        m_diff.notes.push_back(fmt::format("the {} run is {}", run == &m_a ? "first" : "second", nameOf(run->state)));
  }

  void add(DiffRow& row, const char* name, const Measured& a, const Measured& b, Wanted wanted) const {
    if (!a.value && !b.value) return;
    DiffMetric metric{name, a.value, b.value, std::max(a.spread, b.spread), wanted, Verdict::Same};
    if (a.value && b.value && std::abs(*b.value - *a.value) > std::max(m_threshold * std::abs(*a.value), metric.noise))
      metric.verdict = judged(*a.value, *b.value, wanted);
    row.metrics.push_back(std::move(metric));
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
    const auto count = [&](const char* name, auto value, Wanted wanted) {
      std::optional<double> x, y;
      if (pair.a) x = static_cast<double>(value(a));
      if (pair.b) y = static_cast<double>(value(b));
      row.metrics.push_back(counted(name, x, y, wanted));
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
    row.metrics.push_back(counted(name, x, y, wanted));
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
  const auto cell = [](std::optional<double> value) { return value ? fmt::format("{}", *value) : std::string(); };
  for (const auto& row : diff.rows) {
    if (!all && !row.differs()) continue;
    for (const auto& m : row.metrics) {
      if (!all && row.remarks.empty() && row.inA && row.inB && m.verdict == Verdict::Same) continue;
      csv += fmt::format("{},{},{},{},{},{},{},{},{},{},{}\r\n", csvField(row.tensor), csvField(row.mode),
                         row.inA ? (row.inB ? "both" : "a") : "b", m.name, cell(m.a), cell(m.b), cell(m.absolute()),
                         cell(m.relative()), m.noise, nameOf(m.verdict),
                         csvField(fmt::format("{}", fmt::join(row.remarks, "; "))));
    }
  }
  return csv;
}

}  // namespace deltascope
