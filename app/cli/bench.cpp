// SPDX-License-Identifier: Apache-2.0
#include "core/bench/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "app/cli/job.h"
#include "app/cli/model_options.h"
#include "app/cli/print.h"
#include "core/base/file.h"
#include "core/base/units.h"
#include "core/bench/record.h"

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
};

/// Short times with more decimals.
std::string milliseconds(const Timings& t) {
  const int decimals = t.median() < 0.1 ? 5 : 3;
  return t.empty() ? "–"
                   : fmt::format("{:.{}f} ({:.{}f}–{:.{}f})", t.median(), decimals, t.least(), decimals, t.most(), decimals);
}

std::string signedSize(std::int64_t bytes) {
  return (bytes < 0 ? "-" : "") +
         formatGib(bytes < 0 ? 0 - static_cast<std::uint64_t>(bytes) : static_cast<std::uint64_t>(bytes));
}

std::string verdict(const BenchmarkRow& row) {
  if (row.bitExact)
    return row.generation
               ? "same logits each time"
               : fmt::format("bit-exact: {} of {}", formatCount(row.elementsCompared), formatCount(row.elementsCompared));
  if (!row.problem.empty()) return printable(row.problem);
  return fmt::format("{} of {} differ", formatCount(row.elementsDifferent), formatCount(row.elementsCompared));
}

std::string tensorTable(const std::vector<BenchmarkRow>& rows, const std::vector<BenchmarkRow>& baselines) {
  std::vector<std::vector<std::string>> lines{{"tensor", "mode", "codec", "size", "resident ms", "with reconstruction ms",
                                               "overhead ms", "rebuilt GB/s", "of copy", "peak", "saved", "verdict"}};
  for (const auto* list : {&rows, &baselines})
    for (const auto& row : *list) {
      if (row.generation) continue;
      const bool compared = !row.residentMs.empty() && !row.usedMs.empty();
      lines.push_back({printable(row.tensor), row.mode, row.codec, formatGib(row.layerBytes), milliseconds(row.residentMs),
                       milliseconds(row.usedMs),
                       compared ? fmt::format("{:+.{}f}", row.overheadMs(), row.usedMs.median() < 0.1 ? 5 : 3) : "–",
                       row.rebuildMs.empty() ? "–" : fmt::format("{:.2f}", row.reconstructGbPerSecond()),
                       row.rebuildMs.empty() ? "–" : percent(row.copyShare), formatGib(row.peakMemoryBytes),
                       signedSize(row.memorySavedBytes()), verdict(row)});
    }
  return lines.size() > 1 ? table(lines, "lllrrrrrrrrl") : std::string();
}

std::string generationTable(const BenchmarkRun& run) {
  std::vector<std::vector<std::string>> lines{
      {"generation", "tokens/s", "first token ms", "bytes/token", "peak", "saved", "logits", "verdict"}};
  for (const auto* list : {&run.rows, &run.baselines})
    for (const auto& row : *list) {
      if (!row.generation) continue;
      const auto& g = *row.generation;
      lines.push_back({row.mode,
                       fmt::format("{:.2f} ({:.2f}–{:.2f})", g.tokensPerSecond.median(), g.tokensPerSecond.least(),
                                   g.tokensPerSecond.most()),
                       milliseconds(g.timeToFirstTokenMs), formatCount(g.bytesPerToken), formatGib(row.peakMemoryBytes),
                       signedSize(row.memorySavedBytes()), g.logitsHash.substr(0, 8), verdict(row)});
    }
  return lines.size() > 1 ? table(lines, "lrrrrrll") : std::string();
}

std::string toText(const BenchmarkRun& run) {
  std::string text = fmt::format("{} on {}: {}, {} threads", printable(run.path), run.device.id, printable(run.device.name),
                                 run.settings.at("threads"));
  if (run.copyBytesPerSecond > 0) text += fmt::format(", copies at {}", formatRate(run.copyBytesPerSecond));
  text += fmt::format("; medians of {} (least–most), seed {}\n", run.settings.at("repeat"), run.seed);
  for (const auto& part : {tensorTable(run.rows, run.baselines), generationTable(run)})
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

int bench(Invocation& invocation, const Options& o) {
  for (const auto& file : {o.csv, o.out})
    if (const auto checked = checkOutput(file, o.model); !checked) return report(checked.error());
  const auto request = toBenchmark(o, invocation.common);
  if (!request) return report(request.error());
  const auto run = runJob(invocation, [&](const JobContext& job) { return benchmark(*request, job); });
  if (!run) return report(run.error());
  if (!o.csv.empty())
    if (const auto written = writeTextFile(o.csv, toCsv(*run)); !written) return report(written.error());
  if (invocation.common.json)
    printText(toJsonText(*run));
  else if (!run->rows.empty())
    printText(toText(*run));
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
  command->footer("Exit status 1: something is not bit-exact, or an output's norm is 0.");
  command->callback([options, ids, &invocation] {
    if (ids->count()) options->ids = parseIds(options->idsText);
    if (!options->preset.empty() && !options->tensors.empty() && options->preset != "generation")
      throw UsageError{"--tensors and --preset " + options->preset + " both choose tensors; give one of them"};
    invocation.run = [options, &invocation]() -> int { return bench(invocation, *options); };
  });
}

}  // namespace deltascope::cli
