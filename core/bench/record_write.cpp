// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/csv.h"
#include "core/base/number.h"
#include "core/bench/record.h"
#include "core/bench/run_words.h"

namespace deltascope {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kDraftColumns = 9;

/// JSON has no word for what is not finite.
Json number(double value) { return std::isfinite(value) ? Json(rounded(value)) : Json(nullptr); }
Json figure(const Timings& timings, double value) { return timings.empty() ? Json(nullptr) : number(value); }
Json samples(const Timings& timings) {
  Json list = Json::array();
  for (const double value : timings.values) list.push_back(rounded(value));
  return list;
}
Json median(const Timings& timings) { return figure(timings, timings.median()); }

/// "latency_gt" → latency_gt_min_ms, latency_gt_max_ms, latency_gt_samples_ms.
void addSpread(Json& json, const std::string& name, const Timings& timings, const std::string& unit) {
  json[name + "_min" + unit] = figure(timings, timings.least());
  json[name + "_max" + unit] = figure(timings, timings.most());
  json[name + "_samples" + unit] = samples(timings);
}

Json optional(const std::optional<double>& value) { return value ? number(*value) : Json(nullptr); }

void addDrafts(Json& json, const DraftFigures& d) {
  json["draft"] = d.source;
  json["draft_tokens"] = d.tokens;
  json["simulated_acceptance"] = optional(d.simulatedAcceptance);
  json["drafted"] = d.drafted;
  json["accepted"] = d.accepted;
  json["rejected"] = d.rejected;
  json["exact_passes"] = d.exactPasses;
  json["acceptance"] = optional(d.acceptance());
  json["tokens_per_exact_pass"] = optional(d.tokensPerPass());
  json["draft_ms"] = median(d.draftMs);
  json["verify_ms"] = median(d.verifyMs);
  addSpread(json, "draft", d.draftMs, "_ms");
  addSpread(json, "verify", d.verifyMs, "_ms");
}

Json generationJson(const GenerationFigures& g) {
  Json json{{"prompt_ids", g.promptIds},
            {"ids", g.ids},
            {"text", g.text},
            {"tokens_per_second", median(g.tokensPerSecond)},
            {"time_to_first_token_ms", median(g.timeToFirstTokenMs)},
            {"stop_reason", g.stopReason},
            {"logits_hash", g.logitsHash},
            {"reproducible", g.reproducible},
            {"matches_resident", g.matchesResident ? Json(*g.matchesResident) : Json(nullptr)},
            {"bytes_per_token", g.bytesPerToken},
            {"expected_peak_bytes", g.expectedPeakBytes},
            {"placements", g.placements}};
  if (!g.devicePeaks.empty()) json["device_peaks_bytes"] = g.devicePeaks;
  addSpread(json, "tokens_per_second", g.tokensPerSecond, "");
  addSpread(json, "time_to_first_token", g.timeToFirstTokenMs, "_ms");
  if (g.drafts) addDrafts(json, *g.drafts);
  return json;
}

Json rowJson(const BenchmarkRow& row, const RunFigures& figures) {
  const bool compared = !row.residentMs.empty() && !row.usedMs.empty();
  Json json{{"tensor", row.tensor},
            {"mode", row.mode},
            {"device", row.device},
            {"operation", row.operation},
            {"codec", row.codec},
            {"shape", row.shape},
            {"layer_bytes", row.layerBytes},
            {"stored_bytes", row.storedBytes},
            {"resident_bytes", row.residentBytes},
            {"latency_gt_ms", median(row.residentMs)},
            {"latency_jit_ms", median(row.usedMs)},
            {"overhead_ms", compared ? number(row.overheadMs()) : Json(nullptr)},
            {"reconstruct_ms", median(row.rebuildMs)},
            {"reconstruct_gb_per_s", figure(row.rebuildMs, row.reconstructGbPerSecond())},
            {"copy_share", row.copyShare > 0 ? number(row.copyShare) : Json(nullptr)},
            {"peak_memory_bytes", row.peakMemoryBytes},
            {"memory_saved_bytes", row.memorySavedBytes()},
            {"bit_exact", row.bitExact},
            {"elements_compared", row.elementsCompared},
            {"elements_different", row.elementsDifferent},
            {"first_difference", row.firstDifference ? Json(*row.firstDifference) : Json(nullptr)},
            {"problem", row.problem},
            {"output_norm", number(row.outputNorm)},
            {"output_count", row.outputCount},
            {"output_hash", row.outputHash},
            {"planned_peak_bytes", row.plannedPeakBytes ? Json(row.plannedPeakBytes) : Json(nullptr)},
            {"overhead_noise_ms", compared ? number(overheadNoiseMs(row)) : Json(nullptr)},
            {"overhead_note", overheadNote(row)},
            {"headline", isHeadline(row, figures)}};
  addSpread(json, "latency_gt", row.residentMs, "_ms");
  addSpread(json, "latency_jit", row.usedMs, "_ms");
  addSpread(json, "reconstruct", row.rebuildMs, "_ms");
  if (row.generation) json.update(generationJson(*row.generation));
  return json;
}

Json rowsJson(const std::vector<BenchmarkRow>& rows, const RunFigures& figures) {
  Json list = Json::array();
  for (const auto& row : rows) list.push_back(rowJson(row, figures));
  return list;
}

Json memoryJson(const BenchmarkRun& run) {
  Json list = Json::array(), phases = Json::array();
  for (const auto& m : run.memory) {
    list.push_back({rounded(m.seconds), m.accounted, m.own, m.others, m.total});
    phases.push_back(m.phase);
  }
  return {{"source", run.memorySource},
          {"columns", {"seconds", "accounted_bytes", "own_bytes", "others_bytes", "total_bytes"}},
          {"samples", std::move(list)},
          {"phases", std::move(phases)},  // one a sample
          {"own_peak_bytes", run.ownPeakBytes ? Json(run.ownPeakBytes) : Json(nullptr)},
          {"own_is", run.ownIsAccounted ? kOwnIsAccounted : "of the process"}};
}

Json figuresJson(const RunFigures& figures) {
  Json json{{"mode", figures.mode}, {"generation_mode", figures.generationMode}}, spread = Json::object();
  for (const RunFigure& figure : runFigureTable()) {
    const FigureValue& value = figures[figure.id];
    json[std::string(figure.key)] = !value.value ? Json(nullptr)
                                    : figure.unit == FigureUnit::Bytes || figure.unit == FigureUnit::Count
                                        ? Json(figures.count(figure.id))
                                        : number(*value.value);
    if (value.value && value.spread > 0) spread[std::string(figure.key)] = number(value.spread);
  }
  json["spread"] = std::move(spread);
  return json;
}

Json loadJson(const std::optional<MachineLoad>& load) {
  if (!load) return nullptr;
  return {{"load_average_before", load->loadAverageBefore},
          {"load_average_after", load->loadAverageAfter},
          {"processors", load->processors},
          {"busy_own", number(load->own)},
          {"busy_others", number(load->others)}};
}

std::string cell(const Timings& timings, double value) { return timings.empty() ? std::string() : numberText(value); }

std::string cell(const std::optional<double>& value) { return value ? numberText(*value) : std::string(); }

/// Empty where nothing was generated, or by an old record.
void addDrafts(std::vector<std::string>& cells, const BenchmarkRow& r) {
  if (!r.generation || !r.generation->drafts) return cells.resize(cells.size() + kDraftColumns);
  const DraftFigures& d = *r.generation->drafts;
  for (std::string text : {d.source, std::to_string(d.drafted), std::to_string(d.accepted), std::to_string(d.exactPasses),
                           cell(d.acceptance()), cell(d.tokensPerPass()), cell(d.draftMs, d.draftMs.median()),
                           cell(d.verifyMs, d.verifyMs.median()), cell(d.simulatedAcceptance)})
    cells.push_back(csvField(text));
}

std::string csvLine(const BenchmarkRun& run, const RunFigures& figures, const BenchmarkRow& r, bool baseline) {
  const bool compared = !r.residentMs.empty() && !r.usedMs.empty();
  const Timings none;
  const Timings& rate = r.generation ? r.generation->tokensPerSecond : none;
  const Timings& first = r.generation ? r.generation->timeToFirstTokenMs : none;
  std::vector<std::string> cells{csvField(r.tensor),
                                 r.mode,
                                 baseline ? "yes" : "no",
                                 r.device,
                                 r.operation,
                                 csvField(r.codec),
                                 std::to_string(r.layerBytes),
                                 std::to_string(r.storedBytes),
                                 std::to_string(r.residentBytes)};
  for (const Timings* t : {&r.residentMs, &r.usedMs})
    for (const double value : {t->median(), t->least(), t->most()}) cells.push_back(cell(*t, value));
  for (std::string text : {compared ? numberText(r.overheadMs()) : std::string(),
                           cell(r.rebuildMs, r.rebuildMs.median()),
                           cell(r.rebuildMs, r.reconstructGbPerSecond()),
                           r.copyShare > 0 ? numberText(r.copyShare) : std::string(),
                           std::to_string(r.peakMemoryBytes),
                           std::to_string(r.memorySavedBytes()),
                           std::string(r.bitExact ? "yes" : "no"),
                           std::to_string(r.elementsCompared),
                           std::to_string(r.elementsDifferent),
                           numberText(r.outputNorm),
                           std::to_string(r.outputCount),
                           r.outputHash,
                           cell(rate, rate.median()),
                           cell(first, first.median()),
                           r.generation ? std::to_string(r.generation->bytesPerToken) : std::string(),
                           r.generation ? r.generation->logitsHash : std::string(),
                           csvField(r.problem),
                           r.plannedPeakBytes ? std::to_string(r.plannedPeakBytes) : std::string(),
                           compared ? numberText(overheadNoiseMs(r)) : std::string(),
                           std::string(overheadNote(r)),
                           std::string(!baseline && isHeadline(r, figures) ? "yes" : "no"),
                           csvField(stateWords(run.state))})
    cells.push_back(std::move(text));
  addDrafts(cells, r);
  return fmt::format("{}\r\n", fmt::join(cells, ","));
}

}  // namespace

Json toJson(const BenchmarkRun& run) {
  const RunFigures figures = figuresOf(run);
  Json skipped = Json::array();
  for (const auto& s : run.skipped) skipped.push_back({{"tensor", s.tensor}, {"mode", s.mode}, {"reason", s.reason}});
  Json json{{"format", kRunFormat},
            {"version", kRunVersion},
            {"state", nameOf(run.state)},
            {"reason", run.reason},
            {"name", run.name},
            {"created", run.created},
            {"notes", run.notes},
            {"seconds", rounded(run.seconds)},
            {"model",
             {{"path", run.path},
              {"base", run.base},
              {"payloads", run.payloads},
              {"base_only", run.baseOnly},
              {"fingerprint", run.modelFingerprint}}},
            {"machine",
             {{"processor", run.machine.processor},
              {"system", run.machine.system},
              {"threads", run.machine.threads},
              {"memory_bytes", run.machine.memoryBytes}}},
            {"device",
             {{"id", run.device.id},
              {"name", run.device.name},
              {"detail", run.device.detail},
              {"memory_bytes", run.device.memoryBytes}}},
            {"build", {{"version", run.version}, {"commit", run.commit}}},
            {"settings", run.settings},
            {"seed", run.seed},
            {"budget_bytes", run.budget ? Json(run.budget) : Json(nullptr)},
            {"copy_bytes_per_s", run.copyBytesPerSecond > 0 ? number(run.copyBytesPerSecond) : Json(nullptr)},
            {"passed", run.passed()},
            {"partial", run.state != BenchmarkState::Complete},
            {"verdict", runSentence(run)},
            {"figures", figuresJson(figures)},
            {"machine_load", loadJson(run.load)},
            {"tensors_chosen", run.chosen},
            {"runs", rowsJson(run.rows, figures)},
            {"baselines", rowsJson(run.baselines, figures)},
            {"skipped", std::move(skipped)},
            {"memory", memoryJson(run)}};
  if (run.rows.size() == 1 && run.rows.front().generation) {
    json.update(generationJson(*run.rows.front().generation));
    json["peak_memory_bytes"] = run.rows.front().peakMemoryBytes;
  }
  return json;
}

std::string toJsonText(const BenchmarkRun& run) {
  return toJson(run).dump(1, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::string toCsv(const BenchmarkRun& run) {
  std::string csv =
      "tensor,mode,baseline,device,operation,codec,layer_bytes,stored_bytes,resident_bytes,latency_gt_ms,latency_gt_min_ms,"
      "latency_gt_max_ms,latency_jit_ms,latency_jit_min_ms,latency_jit_max_ms,overhead_ms,reconstruct_ms,reconstruct_gb_per_s,"
      "copy_share,peak_memory_bytes,memory_saved_bytes,bit_exact,elements_compared,elements_different,output_norm,output_count,"
      "output_hash,tokens_per_second,time_to_first_token_ms,bytes_per_token,logits_hash,problem,planned_peak_bytes,"
      "overhead_noise_ms,overhead_note,headline,run_state,draft,drafted,accepted,exact_passes,acceptance,tokens_per_exact_pass,"
      "draft_ms,verify_ms,simulated_acceptance\r\n";
  const RunFigures figures = figuresOf(run);
  for (const auto& row : run.rows) csv += csvLine(run, figures, row, false);
  for (const auto& row : run.baselines) csv += csvLine(run, figures, row, true);
  return csv;
}

}  // namespace deltascope
