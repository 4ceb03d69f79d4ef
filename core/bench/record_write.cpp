// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/bench/csv.h"
#include "core/bench/record.h"

namespace deltascope {
namespace {

using Json = nlohmann::ordered_json;

Json figure(const Timings& timings, double value) { return timings.empty() ? Json(nullptr) : Json(value); }
Json median(const Timings& timings) { return figure(timings, timings.median()); }

/// "latency_gt" → latency_gt_min_ms, latency_gt_max_ms, latency_gt_samples_ms.
void addSpread(Json& json, const std::string& name, const Timings& timings, const std::string& unit) {
  json[name + "_min" + unit] = figure(timings, timings.least());
  json[name + "_max" + unit] = figure(timings, timings.most());
  json[name + "_samples" + unit] = timings.values;
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
  addSpread(json, "tokens_per_second", g.tokensPerSecond, "");
  addSpread(json, "time_to_first_token", g.timeToFirstTokenMs, "_ms");
  return json;
}

Json rowJson(const BenchmarkRow& row) {
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
            {"overhead_ms", compared ? Json(row.overheadMs()) : Json(nullptr)},
            {"reconstruct_ms", median(row.rebuildMs)},
            {"reconstruct_gb_per_s", figure(row.rebuildMs, row.reconstructGbPerSecond())},
            {"copy_share", figure(row.rebuildMs, row.copyShare)},
            {"peak_memory_bytes", row.peakMemoryBytes},
            {"memory_saved_bytes", row.memorySavedBytes()},
            {"bit_exact", row.bitExact},
            {"elements_compared", row.elementsCompared},
            {"elements_different", row.elementsDifferent},
            {"first_difference", row.firstDifference ? Json(*row.firstDifference) : Json(nullptr)},
            {"problem", row.problem},
            {"output_norm", std::isfinite(row.outputNorm) ? Json(row.outputNorm) : Json(nullptr)},
            {"output_count", row.outputCount},
            {"output_hash", row.outputHash}};
  addSpread(json, "latency_gt", row.residentMs, "_ms");
  addSpread(json, "latency_jit", row.usedMs, "_ms");
  addSpread(json, "reconstruct", row.rebuildMs, "_ms");
  if (row.generation) json.update(generationJson(*row.generation));
  return json;
}

Json rowsJson(const std::vector<BenchmarkRow>& rows) {
  Json list = Json::array();
  for (const auto& row : rows) list.push_back(rowJson(row));
  return list;
}

Json memoryJson(const BenchmarkRun& run) {
  Json samples = Json::array();
  for (const auto& m : run.memory) samples.push_back({m.seconds, m.accounted, m.own, m.others, m.total});
  return {{"source", run.memorySource},
          {"columns", {"seconds", "accounted_bytes", "own_bytes", "others_bytes", "total_bytes"}},
          {"samples", std::move(samples)}};
}

std::string cell(const Timings& timings, double value) { return timings.empty() ? "" : fmt::format("{}", value); }

std::string csvLine(const BenchmarkRow& r, bool baseline) {
  const bool compared = !r.residentMs.empty() && !r.usedMs.empty();
  const Timings none;
  const Timings& rate = r.generation ? r.generation->tokensPerSecond : none;
  const Timings& first = r.generation ? r.generation->timeToFirstTokenMs : none;
  std::string line = fmt::format("{},{},{},{},{},{},{},{},{}", csvField(r.tensor), r.mode, baseline ? "yes" : "no", r.device,
                                 r.operation, csvField(r.codec), r.layerBytes, r.storedBytes, r.residentBytes);
  for (const Timings* t : {&r.residentMs, &r.usedMs})
    line += fmt::format(",{},{},{}", cell(*t, t->median()), cell(*t, t->least()), cell(*t, t->most()));
  line += fmt::format(",{},{},{},{},{},{},{},{},{},{},{},{}", compared ? fmt::format("{}", r.overheadMs()) : "",
                      cell(r.rebuildMs, r.rebuildMs.median()), cell(r.rebuildMs, r.reconstructGbPerSecond()),
                      cell(r.rebuildMs, r.copyShare), r.peakMemoryBytes, r.memorySavedBytes(), r.bitExact ? "yes" : "no",
                      r.elementsCompared, r.elementsDifferent, r.outputNorm, r.outputCount, r.outputHash);
  line += fmt::format(",{},{},{},{},{}\r\n", cell(rate, rate.median()), cell(first, first.median()),
                      r.generation ? fmt::format("{}", r.generation->bytesPerToken) : "",
                      r.generation ? r.generation->logitsHash : "", csvField(r.problem));
  return line;
}

}  // namespace

Json toJson(const BenchmarkRun& run) {
  Json skipped = Json::array();
  for (const auto& s : run.skipped) skipped.push_back({{"tensor", s.tensor}, {"mode", s.mode}, {"reason", s.reason}});
  Json json{{"format", kRunFormat},
            {"version", kRunVersion},
            {"state", nameOf(run.state)},
            {"reason", run.reason},
            {"name", run.name},
            {"created", run.created},
            {"notes", run.notes},
            {"seconds", run.seconds},
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
            {"copy_bytes_per_s", run.copyBytesPerSecond > 0 ? Json(run.copyBytesPerSecond) : Json(nullptr)},
            {"passed", run.passed()},
            {"runs", rowsJson(run.rows)},
            {"baselines", rowsJson(run.baselines)},
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
      "output_hash,tokens_per_second,time_to_first_token_ms,bytes_per_token,logits_hash,problem\r\n";
  for (const auto& row : run.rows) csv += csvLine(row, false);
  for (const auto& row : run.baselines) csv += csvLine(row, true);
  return csv;
}

}  // namespace deltascope
