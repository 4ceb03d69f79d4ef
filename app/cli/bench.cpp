// SPDX-License-Identifier: Apache-2.0
#include "core/bench/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "app/cli/job.h"
#include "app/cli/model_options.h"
#include "app/cli/print.h"
#include "core/base/file.h"
#include "core/base/number.h"
#include "core/base/units.h"
#include "core/bench/record.h"
#include "core/bench/run_words.h"

namespace deltascope::cli {
namespace {

struct Options {
  ModelOptions model;
  std::string tensors, preset, prompt, idsText, csv, out, name;
  std::vector<std::string> modes;
  std::vector<TokenId> ids;
  std::uint32_t generate = 0, batch = 1;
  unsigned repeat = 10, warmup = 2;
  std::uint64_t seed = 1;
  bool noBaselines = false;
  std::string draft{nameOf(DraftSource::Off)};
  std::uint32_t draftTokens = 0;
  std::optional<double> simulatedAcceptance;
};

std::string spread(const Timings& t) {
  if (t.empty()) return "–";
  if (t.values.size() == 1) return significantText(t.median());
  return fmt::format("{} ({}–{})", significantText(t.median()), significantText(t.least()), significantText(t.most()));
}

std::string withSign(double value, const std::string& text) { return value > 0 ? '+' + text : text; }

/// Headers of a column of bytes, and its cells in one unit.
struct SizeColumn {
  ByteScale scale;
  SizeColumn(const std::vector<const BenchmarkRow*>& rows, double (*value)(const BenchmarkRow&)) {
    double largest = 0;
    for (const auto* row : rows) largest = std::max(largest, std::abs(value(*row)));
    scale = byteScale(static_cast<std::uint64_t>(largest));
  }
  [[nodiscard]] std::string head(const char* name) const { return fmt::format("{} {}", name, scale.name); }
  [[nodiscard]] std::string cell(double bytes) const { return textIn(scale, bytes); }
};

double sizeOf(const BenchmarkRow& row) { return static_cast<double>(row.layerBytes); }
double peakOf(const BenchmarkRow& row) { return static_cast<double>(row.peakMemoryBytes); }
double savedOf(const BenchmarkRow& row) { return static_cast<double>(row.memorySavedBytes()); }

std::vector<const BenchmarkRow*> rowsOf(const BenchmarkRun& run, bool generation) {
  std::vector<const BenchmarkRow*> rows;
  for (const auto* list : {&run.rows, &run.baselines})
    for (const auto& row : *list)
      if (row.generation.has_value() == generation) rows.push_back(&row);
  return rows;
}

std::string overhead(const BenchmarkRow& row) {
  if (row.residentMs.empty() || row.usedMs.empty()) return "–";
  const std::string text = withSign(row.overheadMs(), significantText(row.overheadMs()));
  return overheadNote(row).empty() ? text : fmt::format("{} ({})", text, overheadNote(row));
}

std::string tensorTable(const BenchmarkRun& run) {
  const auto rows = rowsOf(run, false);
  if (rows.empty()) return {};
  const SizeColumn size(rows, sizeOf), peak(rows, peakOf), saved(rows, savedOf);
  std::vector<std::vector<std::string>> lines{{"tensor", "mode", "codec", size.head("size"), "resident ms",
                                               "with reconstruction ms", "overhead ms", "rebuilt GB/s", "of copy",
                                               peak.head("peak"), saved.head("saved"), "verdict"}};
  for (const auto* row : rows)
    lines.push_back({printable(row->tensor), row->mode, row->codec, size.cell(sizeOf(*row)), spread(row->residentMs),
                     spread(row->usedMs), overhead(*row),
                     row->rebuildMs.empty() ? "–" : significantText(row->reconstructGbPerSecond()),
                     row->copyShare > 0 ? percent(row->copyShare) : "–", peak.cell(peakOf(*row)),
                     withSign(savedOf(*row), saved.cell(savedOf(*row))), rowSentence(*row)});
  return table(lines, "lllrrrrrrrrl");
}

std::string ratio(const std::optional<double>& value) { return value ? significantText(*value) : "–"; }

/// With the columns of drafts where there were some.
std::string generationTable(const BenchmarkRun& run) {
  const auto rows = rowsOf(run, true);
  if (rows.empty()) return {};
  const bool drafts = std::any_of(rows.begin(), rows.end(),
                                  [](const auto* row) { return row->generation->drafts.value_or(DraftFigures()).asked(); });
  const SizeColumn peak(rows, peakOf), saved(rows, savedOf);
  std::vector<std::vector<std::string>> lines{
      {"generation", "tokens/s", "first token ms", "bytes/token", peak.head("peak"), saved.head("saved"), "logits", "verdict"}};
  for (const auto* row : rows) {
    const auto& g = *row->generation;
    lines.push_back({row->mode, spread(g.tokensPerSecond), spread(g.timeToFirstTokenMs), formatCount(g.bytesPerToken),
                     peak.cell(peakOf(*row)), withSign(savedOf(*row), saved.cell(savedOf(*row))), g.logitsHash.substr(0, 8),
                     rowSentence(*row)});
    if (!drafts) continue;
    const DraftFigures d = g.drafts.value_or(DraftFigures()), shown = d.asked() ? d : DraftFigures();
    lines.back().insert(lines.back().end() - 1, {ratio(shown.tokensPerPass()),
                                                 ratio(shown.acceptance()) + (shown.simulatedAcceptance ? " simulated" : ""),
                                                 spread(shown.draftMs), spread(d.verifyMs)});
  }
  if (drafts) lines.front().insert(lines.front().end() - 1, {"tokens/pass", "drafts right", "drafting ms", "exact passes ms"});
  return table(lines, drafts ? "lrrrrrlrrrrl" : "lrrrrrll");
}

/// What the run came to: the figures that its window, report and record have by the same names.
std::string figuresTable(const BenchmarkRun& run) {
  const RunFigures figures = figuresOf(run);
  std::vector<std::vector<std::string>> lines{{"figure", "mode", "value", "exactly"}};
  for (const RunFigure& figure : runFigureTable())
    if (const auto& value = figures[figure.id].value)
      lines.push_back({std::string(figure.label), modeWords(figures.modeOf(figure.id)), shortText(figure.unit, *value),
                       figure.unit == FigureUnit::Count ? std::string() : exactText(figure.unit, *value)});
  return table(lines, "llrr");
}

std::string toText(const BenchmarkRun& run) {
  const auto setting = [&](const char* name) {
    const auto found = run.settings.find(name);
    return found == run.settings.end() ? std::string("?") : printable(found->second);
  };
  std::string text = fmt::format("{} on {}: {}, {} threads", printable(run.path), run.device.id, printable(run.device.name),
                                 setting("threads"));
  if (run.copyBytesPerSecond > 0) text += fmt::format(", copies at {}", formatRate(run.copyBytesPerSecond));
  text += fmt::format("; medians of {} (least–most), seed {}\n", setting("repeat"), run.seed);
  if (run.load) text += fmt::format("during the run {}\n", loadWords(*run.load));
  text += '\n' + printable(runSentence(run)) + '\n';
  for (const auto& part : {tensorTable(run), generationTable(run), figuresTable(run)})
    if (!part.empty()) text += '\n' + part;
  for (const auto& row : run.rows)
    if (row.outputNorm == 0) text += fmt::format("{} {}: the output's norm is 0\n", printable(row.tensor), row.mode);
  if (!run.skipped.empty()) text += '\n';
  for (const auto& skip : run.skipped)
    text += fmt::format("not measured: {}{}{}: {}\n", printable(skip.tensor), skip.mode.empty() ? "" : " ", skip.mode,
                        printable(skip.reason));
  return text;
}

/// What the run's end means to a caller.
int statusOf(const BenchmarkRun& run, const Options& o) {
  const std::string kept = o.out.empty() ? std::string() : "; what was measured is in " + printable(o.out);
  switch (run.state) {
    case BenchmarkState::Cancelled:
      fmt::print(stderr, "deltascope-cli: cancelled{}\n", kept);
      return kCancelled;
    case BenchmarkState::Failed:
      fmt::print(stderr, "deltascope-cli: {}{}\n", printable(run.reason), kept);
      return kRefused;
    default:
      break;
  }
  if (run.rows.empty()) {
    const std::string why = run.skipped.empty() ? "no weight was chosen" : run.skipped.back().reason;
    fmt::print(stderr, "deltascope-cli: nothing was measured: {}\n", printable(why));
    return kRefused;
  }
  return run.passed() ? kDone : kCheckFailed;
}

Result<BenchmarkRequest> toBenchmark(const Options& o, const CommonOptions& common) {
  BenchmarkRequest request;
  request.model = toRequest(o.model, common);
  request.tensors = o.tensors;
  request.generate = o.generate;
  request.prompt = o.ids;
  request.repeat = o.repeat;
  request.warmup = o.warmup;
  request.batch = o.batch;
  request.seed = o.seed;
  request.baselines = !o.noBaselines;
  request.draft = *draftSourceFromName(o.draft);
  request.draftTokens = o.draftTokens;
  request.simulatedAcceptance = o.simulatedAcceptance;
  request.name = o.name;
  request.out = o.out;
  const bool all = std::find(o.modes.begin(), o.modes.end(), "all") != o.modes.end();
  for (const auto placement : {Placement::Static, Placement::Jit, Placement::Stream})
    if (all || std::find(o.modes.begin(), o.modes.end(), nameOf(placement)) != o.modes.end())
      request.modes.push_back(placement);
  if (!o.prompt.empty()) {
    DELTASCOPE_ASSIGN(const ModelText text, openModelText(request.model));
    DELTASCOPE_ASSIGN(request.prompt, text.encode(o.prompt));
  }
  if (!request.prompt.empty() && request.generate == 0) request.generate = kBenchmarkTokens;
  if (!o.preset.empty())
    applyPreset(request, *benchmarkPresetFromName(o.preset));
  else if (request.tensors.empty() && request.generate == 0)
    applyPreset(request, BenchmarkPreset::SmallAndLarge);
  return request;
}

/// Text, or one JSON object, and the CSV where it was asked for.
std::optional<int> show(const BenchmarkRun& run, const Options& o, bool json) {
  if (!o.csv.empty())
    if (const auto written = writeTextFile(o.csv, toCsv(run)); !written) return report(written.error());
  if (json)
    printText(toJsonText(run));
  else if (!run.rows.empty())
    printText(toText(run));
  return std::nullopt;
}

/// What --out writes; models are folders, or files of other kinds.
bool isRecord(const std::string& path) {
  std::error_code ignored;
  return path.ends_with(".json") && !path.ends_with(".index.json") && std::filesystem::is_regular_file(path, ignored);
}

/// What an earlier run came to, from its record; nothing is measured.
int showRecord(const Options& o, bool json) {
  const auto run = readRun(o.model.path);
  if (!run) return report(run.error());
  if (!o.out.empty())
    return report({ErrorCode::InvalidArgument, printable(o.model.path) + " is a recorded run, which is shown, not made again",
                   "leave out --out, or give the model"});
  if (const auto failed = show(*run, o, json)) return *failed;
  return run->passed() ? kDone : kCheckFailed;
}

int bench(Invocation& invocation, const Options& o) {
  for (const auto& file : {o.csv, o.out})
    if (const auto checked = checkOutput(file, o.model); !checked) return report(checked.error());
  if (isRecord(o.model.path)) return showRecord(o, invocation.common.json);
  const auto request = toBenchmark(o, invocation.common);
  if (!request) return report(request.error());
  const auto run = runJob(invocation, [&](const JobContext& job) { return benchmark(*request, job); });
  if (!run) return report(run.error());
  if (const auto failed = show(*run, o, invocation.common.json)) return *failed;
  return statusOf(*run, o);
}

}  // namespace

void addBench(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("bench", "measure reconstruction, tensor by tensor, or generation");
  addModelFiles(*command, options->model);
  command->add_option("--tensors", options->tensors, "weights to measure, by name: * and ? stand for any characters")
      ->type_name("GLOB");
  command->add_option("--preset", options->preset, "what to measure when nothing is named (default: small-and-large)")
      ->type_name("PRESET")
      ->check(CLI::IsMember({"small-and-large", "one-layer", "whole-model", "generation"}));
  command
      ->add_option("--mode", options->modes,
                   "static, jit, stream or all of them; without it: of tensors all, of generation as planned")
      ->type_name("MODE")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember({"all", "static", "jit", "stream"}));
  command->add_option("--generate", options->generate, "generate N tokens with the whole model")
      ->type_name("N")
      ->check(CLI::Range(2, 1 << 20));
  CLI::Option* prompt =
      command->add_option("--prompt", options->prompt, "text to continue, as it is; without one, 16 random tokens")
          ->type_name("TEXT");
  CLI::Option* ids = command->add_option("--ids", options->idsText, "token ids to continue instead")->type_name("1,2,3");
  ids->excludes(prompt);
  CLI::Option* draft =
      command->add_option("--draft", options->draft, "generate with drafts, as generate does, and beside it without")
          ->type_name("SOURCE")
          ->check(CLI::IsMember({"auto", "off", "base", "lookup"}))
          ->capture_default_str();
  command->add_option("--draft-tokens", options->draftTokens, "drafts a pass; without it: as many as pay")
      ->type_name("N")
      ->needs(draft)
      ->check(CLI::Range(1u, kMostDrafts));
  command
      ->add_option("--simulated-acceptance", options->simulatedAcceptance,
                   "with --draft base: drafts are right with this probability, whatever the base says; the record says so")
      ->type_name("P")
      ->needs(draft)
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--repeat", options->repeat, "measured repetitions")
      ->type_name("N")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command->add_option("--warmup", options->warmup, "repetitions before these that are not counted")
      ->type_name("N")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  command->add_option("--batch", options->batch, "rows of input in a product")
      ->type_name("N")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "seed of the random inputs")->type_name("N")->capture_default_str();
  command->add_flag("--no-baselines", options->noBaselines,
                    "leave out the additive and zstd codecs, the base alone, and generation with all resident");
  command->add_option("--name", options->name, "a name for the run, kept in its file")->type_name("TEXT");
  command->add_option("--csv", options->csv, "write the rows as CSV (RFC 4180)")->type_name("FILE");
  command->add_option("--out", options->out, "write the run, while it goes on too: diff and the window read it")
      ->type_name("RUN.json");
  addCommon(*command, invocation.common, true);
  command->footer(
      "PATH may be the file that --out wrote: then that run is shown again, with --json or --csv too, and nothing is "
      "measured.\n"
      "Exit status 1: something is not bit-exact, or an output's norm is 0.");
  command->callback([options, ids, &invocation] {
    if (ids->count()) options->ids = parseIds(options->idsText);
    if (!options->preset.empty() && !options->tensors.empty() && options->preset != "generation")
      throw UsageError{"--tensors and --preset " + options->preset + " both choose tensors; give one of them"};
    if (options->draft == nameOf(DraftSource::Off) && options->draftTokens > 0)
      throw UsageError{"--draft-tokens says how many drafts to make, --draft off to make none: leave one of them out"};
    invocation.run = [options, &invocation]() -> int { return bench(invocation, *options); };
  });
}

}  // namespace deltascope::cli
