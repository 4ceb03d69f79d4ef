// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>

#include "app/cli/job.h"
#include "app/cli/print.h"
#include "core/base/units.h"
#include "core/bench/run_words.h"
#include "core/rebuild/unpack.h"

namespace deltascope::cli {
namespace {

Json toJson(const UnpackRequest& request, const UnpackResult& r) {
  return {{"out", request.out.string()},
          {"tensors", r.tensors},
          {"bytes", r.bytes},
          {"verified", r.verified},
          {"companions", {{"files", r.companions}, {"bytes", r.companionBytes}}},
          {"of_base", r.ofBase},
          {"left_out", leftOutJson(r.leftOut)},
          {"left_out_by_pack", r.leftOutByPack},
          {"seconds", r.seconds}};
}

std::string toText(const UnpackRequest& request, const UnpackResult& r) {
  std::string text = fmt::format("unpacked {} tensors, {}, into {}; every hash agreed · {} · {}\n", formatCount(r.tensors),
                                 formatGib(r.bytes), printable(request.out.string()), formatDuration(r.seconds),
                                 formatRate(r.seconds > 0 ? double(r.bytes) / r.seconds : 0));
  if (r.companions)
    text += fmt::format("beside the weights: {}, {}\n", counted(r.companions, "file"), formatGib(r.companionBytes));
  if (!r.ofBase.empty())
    text += fmt::format("the payload carries no config.json; of the base are: {}\n",
                        printable(fmt::format("{}", fmt::join(r.ofBase, ", "))));
  text += leftOutText(r.leftOut);
  if (!r.leftOutByPack.empty()) text += fmt::format("left out when it was packed: {}\n", printable(r.leftOutByPack));
  if (r.verified) text += "verified: what was written was read again, and is the same\n";
  return text;
}

}  // namespace

void addUnpack(CLI::App& app, Invocation& invocation) {
  auto request = std::make_shared<UnpackRequest>();
  CLI::App* command = app.add_subcommand("unpack", "write the final's folder back: tensors and files, byte for byte");
  command->add_option("PATH", request->path, "packed model or payload: folder, file or Hub id")->type_name("")->required();
  command->add_option("--base", request->base, "the base of a payload: folder, file or Hub id")->type_name("MODEL");
  command->add_option("--out", request->out, "folder to write, or one file when it ends in .safetensors")
      ->type_name("PATH")
      ->required();
  command->add_flag("--overwrite", request->overwrite, "replace the output if it exists");
  command->add_flag("--verify", request->verify, "read everything that was written again, and compare, before it is done");
  addCommon(*command, invocation.common, true);
  command->callback([request, &invocation] {
    if (request->out.string().ends_with(".delta.safetensors"))
      throw UsageError{"--out of unpack is a checkpoint; names that end in .delta.safetensors are payloads"};
    invocation.run = [request, &invocation]() -> int {
      const auto result = runJob(invocation, [&](const JobContext& job) { return unpack(*request, job); });
      if (!result) return report(result.error());
      invocation.common.json ? printJson(toJson(*request, *result)) : printText(toText(*request, *result));
      return kDone;
    };
  });
}

}  // namespace deltascope::cli
