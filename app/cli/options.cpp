// SPDX-License-Identifier: Apache-2.0
#include "app/cli/command.h"

namespace deltascope::cli {

void addCommon(CLI::App& command, CommonOptions& common, bool job) {
  command.add_flag("--json", common.json, "print the result as one JSON object");
  if (job) {
    command.add_flag("--quiet", common.quiet, "no progress on standard error");
    command.add_option("--threads", common.threads, "worker threads; 0: as many as the machine has")
        ->type_name("N")
        ->check(CLI::Range(0, 1024));
  }
  command.add_flag("--verbose", common.verbose, "explain choices, and print diagnostics on standard error");
}

}  // namespace deltascope::cli
