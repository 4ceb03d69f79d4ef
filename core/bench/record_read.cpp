// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/bench/record.h"
#include "core/checkpoint/json.h"

namespace deltascope {
namespace {

using nlohmann::json;

/// Takes fields out of one object. The first that is missing or of another type is kept as the error, and all later reads give
/// defaults.
class Reader {
 public:
  Reader(const json& object, const std::filesystem::path& path, std::string where, std::optional<Error>& error)
      : m_object(object), m_path(path), m_where(std::move(where)), m_error(error) {
    if (!object.is_object()) wrong({});
  }

  std::string text(const char* name) {
    const json* value = find(name, &json::is_string);
    return value ? value->get<std::string>() : std::string();
  }
  std::uint64_t count(const char* name) {
    const json* value = find(name, &json::is_number_unsigned);
    return value ? value->get<std::uint64_t>() : 0;
  }
  bool flag(const char* name) {
    const json* value = find(name, &json::is_boolean);
    return value && value->get<bool>();
  }
  double number(const char* name) {
    const json* value = find(name, &json::is_number);
    return value ? value->get<double>() : 0;
  }
  /// There, and not null: for what the first records lack.
  bool has(const char* name) const { return m_object.is_object() && m_object.contains(name) && !isNull(name); }
  bool isNull(const char* name) const {
    const auto at = m_object.is_object() ? m_object.find(name) : m_object.end();
    return m_object.is_object() && at != m_object.end() && at->is_null();
  }
  template <class T>
  std::vector<T> list(const char* name, bool (json::*is)() const noexcept) {
    std::vector<T> values;
    const json* value = find(name, &json::is_array);
    if (!value) return values;
    values.reserve(value->size());
    for (const auto& one : *value) {
      if (!(one.*is)()) {
        wrong(name);
        return {};
      }
      values.push_back(one.get<T>());
    }
    return values;
  }
  Timings timings(const char* name) {
    Timings timings{list<double>(name, &json::is_number)};
    for (const double value : timings.values)
      if (!std::isfinite(value)) wrong(name);
    return timings;
  }
  Reader object(const char* name) {
    static const json empty = json::object();
    const json* value = find(name, &json::is_object);
    return {value ? *value : empty, m_path, m_where + name + ".", m_error};
  }
  const json& array(const char* name) {
    static const json empty = json::array();
    const json* value = find(name, &json::is_array);
    return value ? *value : empty;
  }
  const json& raw() const { return m_object; }
  [[nodiscard]] Reader element(const char* name, std::size_t index, const json& value) const {
    return {value, m_path, m_where + name + "[" + std::to_string(index) + "].", m_error};
  }
  void wrong(const char* name) {
    if (m_error) return;
    const std::string field = name ? m_where + name : m_where.substr(0, m_where.empty() ? 0 : m_where.size() - 1);
    m_error = Error{ErrorCode::Corrupt, at({m_path, {}, {}}, "the run's field " + field + " is missing or of another type"),
                    "the file was changed or cut; make the run again"};
  }

 private:
  const json* find(const char* name, bool (json::*is)() const noexcept) {
    if (m_error) return nullptr;
    const auto at = m_object.find(name);
    if (at != m_object.end() && ((*at).*is)()) return &*at;
    wrong(name);
    return nullptr;
  }

  const json& m_object;
  const std::filesystem::path& m_path;
  std::string m_where;
  std::optional<Error>& m_error;
};

DraftFigures readDrafts(Reader& in) {
  DraftFigures d;
  d.source = in.text("draft");
  d.tokens = static_cast<std::uint32_t>(std::min<std::uint64_t>(in.count("draft_tokens"), kMostDrafts));
  if (!in.isNull("simulated_acceptance")) d.simulatedAcceptance = in.number("simulated_acceptance");
  d.drafted = in.count("drafted");
  d.accepted = in.count("accepted");
  d.rejected = in.count("rejected");
  d.exactPasses = in.count("exact_passes");
  d.draftMs = in.timings("draft_samples_ms");
  d.verifyMs = in.timings("verify_samples_ms");
  return d;
}

GenerationFigures readGeneration(Reader& in) {
  GenerationFigures g;
  g.promptIds = in.list<TokenId>("prompt_ids", &json::is_number_unsigned);
  g.ids = in.list<TokenId>("ids", &json::is_number_unsigned);
  g.text = in.text("text");
  g.tokensPerSecond = in.timings("tokens_per_second_samples");
  g.timeToFirstTokenMs = in.timings("time_to_first_token_samples_ms");
  g.stopReason = in.text("stop_reason");
  g.logitsHash = in.text("logits_hash");
  g.reproducible = in.flag("reproducible");
  if (!in.isNull("matches_resident")) g.matchesResident = in.flag("matches_resident");
  g.bytesPerToken = in.count("bytes_per_token");
  g.expectedPeakBytes = in.count("expected_peak_bytes");
  if (in.has("device_peaks_bytes")) g.devicePeaks = in.list<std::uint64_t>("device_peaks_bytes", &json::is_number_unsigned);
  Reader placements = in.object("placements");
  for (const auto& [name, value] : placements.raw().items()) g.placements[name] = placements.count(name.c_str());
  if (in.has("draft")) g.drafts = readDrafts(in);
  return g;
}

BenchmarkRow readRow(Reader in) {
  BenchmarkRow row;
  row.tensor = in.text("tensor");
  row.mode = in.text("mode");
  row.device = in.text("device");
  row.operation = in.text("operation");
  row.codec = in.text("codec");
  row.shape = in.list<std::uint64_t>("shape", &json::is_number_unsigned);
  row.layerBytes = in.count("layer_bytes");
  row.storedBytes = in.count("stored_bytes");
  row.residentBytes = in.count("resident_bytes");
  row.residentMs = in.timings("latency_gt_samples_ms");
  row.usedMs = in.timings("latency_jit_samples_ms");
  row.rebuildMs = in.timings("reconstruct_samples_ms");
  if (!in.isNull("copy_share")) row.copyShare = in.number("copy_share");
  row.peakMemoryBytes = in.count("peak_memory_bytes");
  row.bitExact = in.flag("bit_exact");
  row.elementsCompared = in.count("elements_compared");
  row.elementsDifferent = in.count("elements_different");
  if (!in.isNull("first_difference")) row.firstDifference = in.count("first_difference");
  row.problem = in.text("problem");
  row.outputNorm = in.isNull("output_norm") ? std::numeric_limits<double>::quiet_NaN() : in.number("output_norm");
  row.outputCount = in.count("output_count");
  row.outputHash = in.text("output_hash");
  if (in.has("planned_peak_bytes")) row.plannedPeakBytes = in.count("planned_peak_bytes");
  if (row.operation == "generation") row.generation = readGeneration(in);
  return row;
}

std::vector<BenchmarkRow> readRows(Reader& in, const char* name) {
  std::vector<BenchmarkRow> rows;
  const json& list = in.array(name);
  rows.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) rows.push_back(readRow(in.element(name, i, list[i])));
  return rows;
}

void readMemory(Reader in, BenchmarkRun& run) {
  run.memorySource = in.text("source");
  for (const json& sample : in.array("samples")) {
    const bool sound = sample.is_array() && sample.size() == 5 && sample[0].is_number() && sample[1].is_number_unsigned() &&
                       sample[2].is_number_unsigned() && sample[3].is_number_unsigned() && sample[4].is_number_unsigned();
    if (!sound) return in.wrong("samples");
    run.memory.push_back({sample[0].get<double>(), sample[1].get<std::uint64_t>(), sample[2].get<std::uint64_t>(),
                          sample[3].get<std::uint64_t>(), sample[4].get<std::uint64_t>()});
  }
  if (in.has("phases")) {
    const auto phases = in.list<std::string>("phases", &json::is_string);
    for (std::size_t i = 0; i < std::min(phases.size(), run.memory.size()); ++i) run.memory[i].phase = phases[i];
  }
  if (in.has("own_peak_bytes")) run.ownPeakBytes = in.count("own_peak_bytes");
  run.ownIsAccounted = !in.has("own_is") || in.text("own_is") == kOwnIsAccounted;
}

void readLoad(Reader in, BenchmarkRun& run) {
  MachineLoad load;
  load.loadAverageBefore = in.number("load_average_before");
  load.loadAverageAfter = in.number("load_average_after");
  load.processors = static_cast<unsigned>(std::min<std::uint64_t>(in.count("processors"), 1u << 20));
  load.own = in.number("busy_own");
  load.others = in.number("busy_others");
  run.load = load;
}

void readFacts(Reader& in, BenchmarkRun& run) {
  Reader model = in.object("model");
  run.path = model.text("path");
  run.base = model.text("base");
  run.payloads = model.list<std::string>("payloads", &json::is_string);
  run.baseOnly = model.flag("base_only");
  run.modelFingerprint = model.text("fingerprint");
  Reader machine = in.object("machine");
  run.machine.processor = machine.text("processor");
  run.machine.system = machine.text("system");
  run.machine.threads = static_cast<unsigned>(std::min<std::uint64_t>(machine.count("threads"), 1u << 20));
  run.machine.memoryBytes = machine.count("memory_bytes");
  Reader device = in.object("device");
  run.device = {device.text("id"), device.text("name"), device.text("detail"), device.count("memory_bytes")};
  Reader build = in.object("build");
  run.version = build.text("version");
  run.commit = build.text("commit");
  Reader settings = in.object("settings");
  for (const auto& [name, value] : settings.raw().items()) run.settings[name] = settings.text(name.c_str());
  run.seed = in.count("seed");
  if (!in.isNull("budget_bytes")) run.budget = in.count("budget_bytes");
  if (!in.isNull("copy_bytes_per_s")) run.copyBytesPerSecond = in.number("copy_bytes_per_s");
}

Result<void> checkFormat(const json& object, const std::filesystem::path& path) {
  if (!object.is_object() || object.value("format", json()) != json(kRunFormat))
    return fail(ErrorCode::Unsupported, at({path, {}, {}}, "is no benchmark run"), "bench --out writes such files");
  const json version = object.value("version", json());
  if (version != json(kRunVersion))
    return fail(ErrorCode::Unsupported,
                at({path, {}, {}}, "is a run of version " + printable(version.dump(), 40) + "; this program reads version " +
                                       std::to_string(kRunVersion)),
                "use the program that wrote it, or make the run again");
  return {};
}

}  // namespace

Result<BenchmarkRun> parseRun(std::string_view text, const std::filesystem::path& path) {
  DELTASCOPE_ASSIGN(const json object, parseJson(text, path));
  DELTASCOPE_TRY(checkFormat(object, path));
  std::optional<Error> error;
  Reader in(object, path, {}, error);
  BenchmarkRun run;
  const std::string state = in.text("state");
  bool known = false;
  for (const auto one : {BenchmarkState::Running, BenchmarkState::Complete, BenchmarkState::Cancelled, BenchmarkState::Failed})
    if (nameOf(one) == state) {
      run.state = one;
      known = true;
    }
  if (!known) in.wrong("state");
  run.reason = in.text("reason");
  run.name = in.text("name");
  run.created = in.text("created");
  if (object.contains("notes")) run.notes = in.text("notes");  // the first records had none
  run.seconds = in.number("seconds");
  readFacts(in, run);
  if (in.has("tensors_chosen")) run.chosen = in.count("tensors_chosen");
  if (in.has("machine_load")) readLoad(in.object("machine_load"), run);
  run.rows = readRows(in, "runs");
  run.baselines = readRows(in, "baselines");
  const json& skipped = in.array("skipped");
  for (std::size_t i = 0; i < skipped.size(); ++i) {
    Reader one = in.element("skipped", i, skipped[i]);
    run.skipped.push_back({one.text("tensor"), one.text("mode"), one.text("reason")});
  }
  readMemory(in.object("memory"), run);
  if (error) return tl::make_unexpected(std::move(*error));
  return run;
}

Result<BenchmarkRun> readRun(const std::filesystem::path& path) {
  DELTASCOPE_ASSIGN(const std::string text, readTextFile(path));
  return parseRun(text, path);
}

}  // namespace deltascope
