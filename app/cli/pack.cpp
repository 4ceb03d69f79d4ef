// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <bit>
#include <memory>

#include "app/cli/job.h"
#include "app/cli/pack_estimate.h"
#include "app/cli/print.h"
#include "core/base/units.h"
#include "core/bench/run_words.h"
#include "core/codec/traits.h"
#include "core/pack/pack.h"

namespace deltascope::cli {
namespace {

struct Options {
  std::string final, base, out, quantize, scope = "linear", codec = "auto", prefer = "size";
  std::vector<std::string> adapters;
  bool doubleQuant = false, allowUnquantized = false, overwrite = false, verify = false, estimate = false;
  unsigned blocksize = 64, chunks = 64;
  int zstdLevel = 3;
};

/// One sentence for each combination that could only be a misunderstanding.
void checkCombination(const CLI::App& command, const Options& o) {
  const auto given = [&command](const char* option) { return command.count(option) > 0; };
  if (o.out.empty() && !o.estimate) throw UsageError{"--out is required"};
  if (given("--quantize") && given("--base"))
    throw UsageError{"--quantize makes the base from the final, so it cannot be combined with --base"};
  if (given("--quantize") && given("--adapter"))
    throw UsageError{"--quantize cannot be combined with --adapter: pack the adapter over its base first"};
  if (given("--adapter") && !given("--base")) throw UsageError{"--adapter needs the model it was trained on: add --base DIR"};
  if (given("--quantize") && !given("--final")) throw UsageError{"--quantize needs the model to quantize: add --final DIR"};
  if (!given("--quantize") && !given("--base"))
    throw UsageError{"nothing to compare with: add --quantize nf4|fp4|int8, or --base DIR"};
  if (given("--base") && !given("--adapter") && !given("--final"))
    throw UsageError{"--base needs what it is to be turned into: add --final DIR or --adapter DIR"};
  for (const char* option : {"--scope", "--double-quant", "--blocksize", "--allow-unquantized"})
    if (given(option) && !given("--quantize")) throw UsageError{std::string(option) + " belongs to --quantize"};
  for (const char* option : {"--double-quant", "--blocksize"})
    if (given(option) && o.quantize == "int8")
      throw UsageError{std::string(option) + " belongs to nf4 and fp4; int8 has one scale a row"};
  if (o.blocksize < 32 || o.blocksize > 4096 || !std::has_single_bit(o.blocksize))
    throw UsageError{"--blocksize must be a power of two from 32 to 4096"};
  if (o.codec == "lowrank" && !given("--adapter"))
    throw UsageError{"--codec lowrank stores an adapter's factors: add --adapter DIR"};
  if (o.estimate && o.verify) throw UsageError{"--estimate writes nothing that --verify could read: leave one of them out"};
  if (o.out.empty()) return;
  if (given("--quantize") && o.out.ends_with(".safetensors"))
    throw UsageError{"with --quantize, --out is the folder of the packed model, not a file"};
  if (!given("--quantize") && !o.out.ends_with(".delta.safetensors"))
    throw UsageError{"--out must be a file name that ends in .delta.safetensors"};
}

Result<PackRequest> requestFrom(const Options& o) {
  PackRequest request;
  if (!o.final.empty()) {
    DELTASCOPE_ASSIGN(request.final, resolveModel(o.final));
  }
  if (!o.base.empty()) {
    DELTASCOPE_ASSIGN(request.base, resolveModel(o.base));
  }
  for (const auto& adapter : o.adapters) {
    DELTASCOPE_ASSIGN(auto path, resolveModel(adapter));
    request.adapters.push_back(std::move(path));
  }
  if (!o.quantize.empty()) request.quantize = quantFormatFromName(o.quantize);
  request.out = o.out;
  request.scope = o.scope == "all" ? PackScope::All : PackScope::Linear;
  request.doubleQuant = o.doubleQuant;
  request.allowUnquantized = o.allowUnquantized;
  request.blocksize = o.blocksize;
  if (o.codec != "auto") request.codec = codecFromName(o.codec);
  request.chunks = o.chunks;
  request.prefer = o.prefer == "speed" ? Prefer::Speed : Prefer::Size;
  request.codecOptions.zstdLevel = o.zstdLevel;
  request.overwrite = o.overwrite;
  request.verify = o.verify;
  return request;
}

Json toJson(const PackResult& r) {
  return {{"out", r.out.string()},
          {"payload", r.payload.string()},
          {"tensors", r.tensors},
          {"elements", r.elements},
          {"final_bytes", r.finalBytes},
          {"base_bytes", r.baseBytes},
          {"payload_bytes", r.payloadBytes},
          {"payload_bits_per_weight", r.payloadBitsPerWeight},
          {"total_bits_per_weight", r.totalBitsPerWeight},
          {"ratio", r.payloadBytes + r.baseBytes ? double(r.finalBytes) / double(r.payloadBytes + r.baseBytes) : 0.0},
          {"sparsity", r.sparsity},
          {"verified", r.verified},
          {"companions", {{"files", r.companions}, {"bytes", r.companionBytes}}},
          {"left_out", leftOutJson(r.leftOut)},
          {"seconds", r.seconds},
          {"peak_rss_bytes", r.peakRssBytes},
          {"notes", r.notes}};
}

double ratio(std::uint64_t final, std::uint64_t stored) { return stored ? double(final) / double(stored) : 0; }

std::string toText(const PackResult& r) {
  const double baseBits = r.totalBitsPerWeight - r.payloadBitsPerWeight;
  const std::uint64_t total = r.payloadBytes + r.baseBytes;
  std::string text = fmt::format("packed {} tensors, {} elements, into {}\n", formatCount(r.tensors), formatCount(r.elements),
                                 printable(r.out.string()));
  text += table(
      {{"", "size", "bits/weight", "ratio", ""},
       {"final", formatGib(r.finalBytes), "", "", ""},
       {"base", formatGib(r.baseBytes), fmt::format("{:.3f}", baseBits),
        fmt::format("{:.3f}", ratio(r.finalBytes, r.baseBytes)), "as it is stored"},
       {"payload", formatGib(r.payloadBytes), fmt::format("{:.3f}", r.payloadBitsPerWeight),
        fmt::format("{:.3f}", ratio(r.finalBytes, r.payloadBytes)), "the whole file: streams, tables, directories, header"},
       {"together", formatGib(total), fmt::format("{:.3f}", r.totalBitsPerWeight),
        fmt::format("{:.3f}", ratio(r.finalBytes, total)), ""}},
      "lrrrl");
  text += fmt::format("zero deltas {} · {} · {} · peak memory {}\n", percent(r.sparsity), formatDuration(r.seconds),
                      formatRate(r.seconds > 0 ? double(r.finalBytes) / r.seconds : 0), formatGib(r.peakRssBytes));
  for (const auto& note : r.notes) text += "note: " + note + "\n";
  text += fmt::format("beside the weights: {}, {}\n", counted(r.companions, "file"), formatGib(r.companionBytes));
  text += leftOutText(r.leftOut);
  if (r.verified)
    text += fmt::format("verified: bit-exact: {} of {} elements\n", formatCount(r.elements), formatCount(r.elements));
  return text;
}

std::vector<std::string> codecNames() {
  std::vector<std::string> names{"auto"};
  for (const CodecId codec : kOfferedCodecs) names.emplace_back(nameOf(codec));
  return names;
}

}  // namespace

void addPack(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("pack", "make a packed model, or the delta from a base to a final");
  command->add_option("--final", options->final, "checkpoint to bring back exactly: folder, file or Hub id")
      ->type_name("MODEL");
  command->add_option("--quantize", options->quantize, "quantize the final into a base")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"nf4", "fp4", "int8"}));
  command->add_option("--base", options->base, "checkpoint to start from: folder, file or Hub id")->type_name("MODEL");
  command->add_option("--adapter", options->adapters, "LoRA adapter over the base; may be given more than once, in order")
      ->type_name("DIR")
      ->allow_extra_args(false);
  command->add_option("--out", options->out, "folder of the packed model, or FILE.delta.safetensors")->type_name("PATH");
  command->add_flag("--estimate", options->estimate, "what it will weigh, tensor by tensor, from samples; writes nothing");
  command
      ->add_option("--scope", options->scope, "linear: what bitsandbytes quantizes; all: every matrix, stacks of experts too")
      ->type_name("SCOPE")
      ->check(CLI::IsMember({"all", "linear"}))
      ->capture_default_str();
  command->add_flag("--double-quant", options->doubleQuant, "quantize the scales of nf4 and fp4 too");
  command->add_flag("--allow-unquantized", options->allowUnquantized, "pack even where there is nothing to quantize");
  command->add_option("--blocksize", options->blocksize, "weights per scale of nf4 and fp4")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--codec", options->codec, "how deltas are stored")
      ->type_name("CODEC")
      ->check(CLI::IsMember(codecNames()))
      ->capture_default_str();
  command->add_option("--chunks", options->chunks, "pieces a tensor at most; of experts in one tensor, one an expert at least")
      ->type_name("N")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  command->add_option("--prefer", options->prefer, "with auto: the smallest codec, or the fastest within 10 % of it")
      ->type_name("WHAT")
      ->check(CLI::IsMember({"size", "speed"}))
      ->capture_default_str();
  command->add_option("--zstd-level", options->zstdLevel, "compression level of zstd streams")
      ->type_name("N")
      ->check(CLI::Range(1, 22))
      ->capture_default_str();
  command->add_flag("--overwrite", options->overwrite, "replace the output if it exists");
  command->add_flag("--verify", options->verify, "rebuild every tensor from what was written, and compare, before it is done");
  addCommon(*command, invocation.common, true);
  command->footer(
      "Examples:\n"
      "  deltascope-cli pack --final chat --quantize nf4 --out chat-nf4\n"
      "  deltascope-cli pack --base chat --final tuned --out tuned.delta.safetensors\n"
      "  deltascope-cli pack --base chat --adapter lora --out lora.delta.safetensors\n"
      "  deltascope-cli pack --base chat --final tuned --estimate");
  command->callback([command, options, &invocation] {
    checkCombination(*command, *options);
    invocation.run = [options, &invocation]() -> int {
      const auto request = requestFrom(*options);
      if (!request) return report(request.error());
      if (options->estimate) {
        const auto estimate = runJob(invocation, [&](const JobContext& job) { return estimatePack(*request, job); });
        if (!estimate) return report(estimate.error());
        invocation.common.json ? printJson(toJson(*estimate)) : printText(toText(*estimate, invocation.common.verbose));
        return kDone;
      }
      const auto result = runJob(invocation, [&](const JobContext& job) { return pack(*request, job); });
      if (!result) return report(result.error());
      invocation.common.json ? printJson(toJson(*result)) : printText(toText(*result));
      return kDone;
    };
  });
}

}  // namespace deltascope::cli
