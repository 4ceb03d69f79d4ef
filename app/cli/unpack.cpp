// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>

#include "app/cli/job.h"
#include "app/cli/print.h"
#include "core/base/units.h"
#include "core/pipeline/pipeline.h"

namespace deltascope::cli {

void addUnpack(CLI::App& app, Invocation& invocation) {
  auto request = std::make_shared<UnpackRequest>();
  CLI::App* command = app.add_subcommand("unpack", "write the final checkpoint back, tensors byte for byte");
  command->add_option("PATH", request->path, "packed model or payload: folder, file or Hub id")->type_name("")->required();
  command->add_option("--base", request->base, "the base of a payload: folder, file or Hub id")->type_name("MODEL");
  command->add_option("--out", request->out, "folder to write, or one file when it ends in .safetensors")
      ->type_name("PATH")
      ->required();
  command->add_flag("--overwrite", request->overwrite, "replace the output if it exists");
  addCommon(*command, invocation.common, true);
  command->callback([request, &invocation] {
    if (request->out.string().ends_with(".delta.safetensors"))
      throw UsageError{"--out of unpack is a checkpoint; names that end in .delta.safetensors are payloads"};
    invocation.run = [request, &invocation]() -> int {
      const auto result = runJob(invocation, [&](const JobContext& job) { return unpack(*request, job); });
      if (!result) return report(result.error());
      if (invocation.common.json)
        printJson({{"out", request->out.string()},
                   {"tensors", result->tensors},
                   {"bytes", result->bytes},
                   {"seconds", result->seconds}});
      else
        printText(fmt::format("unpacked {} tensors, {}, into {}; every hash agreed · {} · {}\n", formatCount(result->tensors),
                              formatGib(result->bytes), printable(request->out.string()), formatDuration(result->seconds),
                              formatRate(result->seconds > 0 ? double(result->bytes) / result->seconds : 0)));
      return kDone;
    };
  });
}

}  // namespace deltascope::cli
