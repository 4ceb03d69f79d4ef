// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "app/cli/job.h"
#include "app/cli/print.h"
#include "core/base/units.h"
#include "core/synth/synth.h"

namespace deltascope::cli {

void addSynth(CLI::App& app, Invocation& invocation) {
  struct Options {
    SynthRequest request;
    unsigned layers = 0;
    std::string dtype = "BF16";
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("synth", "write a random checkpoint of a real model's shape");
  command->add_option("--arch", options->request.arch, "shape to write")
      ->type_name("ARCH")
      ->check(CLI::IsMember(synthArchitectures()))
      ->capture_default_str();
  command->add_option("--layers", options->layers, "layers to write instead of all")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  command->add_option("--seed", options->request.seed, "seed of the random numbers")->type_name("N")->capture_default_str();
  command->add_option("--std", options->request.std, "standard deviation of the weights")
      ->type_name("X")
      ->check([](const std::string& text) {
        double value = 0;
        const bool good = CLI::detail::lexical_cast(text, value) && std::isfinite(value) && value > 0 && value <= 1e6;
        return good ? std::string() : text + " is not a positive number";
      })
      ->capture_default_str();
  command->add_option("--dtype", options->dtype, "type of the weights")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"BF16", "F16", "F32"}))
      ->capture_default_str();
  command->add_option("--out", options->request.out, "folder to write")->type_name("DIR")->required();
  command->add_flag("--overwrite", options->request.overwrite, "replace the output if it exists");
  addCommon(*command, invocation.common, true);
  command->callback([command, options, &invocation] {
    if (command->count("--layers")) options->request.layers = options->layers;
    options->request.dtype = dtypeFromName(options->dtype).value();
    invocation.run = [options, &invocation]() -> int {
      const auto& request = options->request;
      const auto result = runJob(invocation, [&](const JobContext& job) { return synth(request, job); });
      if (!result) return report(result.error());
      if (invocation.common.json)
        printJson({{"out", request.out.string()},
                   {"arch", request.arch},
                   {"seed", request.seed},
                   {"tensors", result->tensors},
                   {"elements", result->elements},
                   {"bytes", result->bytes},
                   {"seconds", result->seconds}});
      else
        printText(fmt::format("wrote {} tensors, {} elements, {}, into {} · {}\n", formatCount(result->tensors),
                              formatCount(result->elements), formatGib(result->bytes), printable(request.out.string()),
                              formatDuration(result->seconds)));
      return kDone;
    };
  });
}

}  // namespace deltascope::cli
