// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>

#include "app/cli/job.h"
#include "app/cli/print.h"
#include "core/base/units.h"
#include "core/pack/import.h"

namespace deltascope::cli {
namespace {

Json toJson(const ImportResult& r) {
  Json findings = Json::array();
  for (const auto& finding : r.findings) findings.push_back({{"tensor", finding.tensor}, {"text", finding.text}});
  Json json{{"out", r.packed.out.string()},
            {"base", r.base.string()},
            {"tensors", r.packed.tensors},
            {"elements", r.packed.elements},
            {"final_bytes", r.packed.finalBytes},
            {"base_bytes", r.packed.baseBytes},
            {"payload_bytes", r.packed.payloadBytes},
            {"payload_bits_per_weight", r.packed.payloadBitsPerWeight},
            {"checked", r.isExact()},
            {"scripts_bit_exact", r.scripts ? Json(r.scripts->bitExact) : Json(nullptr)},
            {"scripts_elements_different", r.scripts ? Json(r.scripts->elementsDifferent) : Json(nullptr)},
            {"verified", r.packed.verified},
            {"companions", {{"files", r.packed.companions}, {"bytes", r.packed.companionBytes}}},
            {"left_out", leftOutJson(r.packed.leftOut)},
            {"findings", std::move(findings)},
            {"seconds", r.packed.seconds},
            {"peak_rss_bytes", r.packed.peakRssBytes}};
  return json;
}

std::string toText(const ImportResult& r) {
  std::string text;
  for (const auto& finding : r.findings) text += printable(describe(finding)) + '\n';
  text += fmt::format("imported {} tensors, {} elements, into {}: {}, {:.3f} bits/weight\n", formatCount(r.packed.tensors),
                      formatCount(r.packed.elements), printable(r.packed.out.string()), formatGib(r.packed.payloadBytes),
                      r.packed.payloadBitsPerWeight);
  text += fmt::format("base: {}\n", printable(r.base.string()));
  if (!r.scripts)
    text += "without --final it gives base + delta in FP32, rounded; whether that is the final cannot be checked\n";
  else if (r.scripts->bitExact)
    text += "it gives the final bit for bit; so did the scripts' files\n";
  else
    text += fmt::format("it gives the final bit for bit; from the scripts' files {} of {} elements would differ\n",
                        formatCount(r.scripts->elementsDifferent), formatCount(r.scripts->elementsCompared));
  text += leftOutText(r.packed.leftOut);
  if (r.packed.verified) text += "verified: every tensor was rebuilt from what was written, and compared\n";
  return text;
}

}  // namespace

void addImport(CLI::App& app, Invocation& invocation) {
  struct Options {
    std::string path, base, final, out, codec = "auto";
    bool overwrite = false, verify = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("import", "convert what the old scripts wrote into a payload");
  command->add_option("PATH", options->path, "folder with base_model.pth and a .pkl, or the .pkl")->type_name("")->required();
  command->add_option("--out", options->out, "FILE.delta.safetensors")->type_name("PATH")->required();
  command->add_option("--final", options->final, "the final: makes the payload exact, and checks the scripts' files")
      ->type_name("MODEL");
  command->add_option("--base", options->base, "the scripts' base, where it is not beside the .pkl")->type_name("MODEL");
  command->add_option("--codec", options->codec, "how deltas are stored")
      ->type_name("CODEC")
      ->check(CLI::IsMember({"auto", "entropy", "bitpack", "zstd", "sparse", "additive"}))
      ->capture_default_str();
  command->add_flag("--overwrite", options->overwrite, "replace the output if it exists");
  command->add_flag("--verify", options->verify, "rebuild every tensor from what was written, and compare, before it is done");
  addCommon(*command, invocation.common, true);
  command->footer(
      "Examples:\n"
      "  deltascope-cli import old --final model --out model.delta.safetensors\n"
      "  deltascope-cli verify model.delta.safetensors --base old/base_model.pth --final model\n"
      "Exit status 1: there was no --final, and something is lost or damaged in the scripts' files.");
  command->callback([options, &invocation] {
    if (!options->out.ends_with(".delta.safetensors"))
      throw UsageError{"--out must be a file name that ends in .delta.safetensors"};
    invocation.run = [options, &invocation]() -> int {
      ImportRequest request;
      request.path = options->path;
      request.base = options->base;
      request.final = options->final;
      request.out = options->out;
      if (options->codec != "auto") request.codec = codecFromName(options->codec);
      request.overwrite = options->overwrite;
      request.verify = options->verify;
      const auto result = runJob(invocation, [&](const JobContext& job) { return importScripts(request, job); });
      if (!result) return report(result.error());
      invocation.common.json ? printJson(toJson(*result)) : printText(toText(*result));
      return result->isExact() || result->findings.empty() ? kDone : kCheckFailed;
    };
  });
}

}  // namespace deltascope::cli
