// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The commands of deltascope-cli: one file each, which declares its options and says what to run.
#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "core/base/job.h"

namespace deltascope::cli {

enum ExitStatus : int { kDone = 0, kCheckFailed = 1, kUsage = 2, kRefused = 3, kCancelled = 130 };

/// Options that most commands share.
struct CommonOptions {
  bool json = false, quiet = false, verbose = false;
  unsigned threads = 0;
};

/// What the parsed command line asks for. `run` is set by the chosen command.
struct Invocation {
  CommonOptions common;
  std::stop_token stop;
  std::function<int()> run;
};

/// A mistake on the command line that CLI11 does not see; reported as one line with exit status 2.
struct UsageError {
  std::string message;
};

/// Each adds one subcommand. `invocation` outlives the parser; run throws UsageError.
void addPack(CLI::App& app, Invocation& invocation);
void addInspect(CLI::App& app, Invocation& invocation);
void addVerify(CLI::App& app, Invocation& invocation);
void addUnpack(CLI::App& app, Invocation& invocation);
void addImport(CLI::App& app, Invocation& invocation);
void addSynth(CLI::App& app, Invocation& invocation);
void addTokenize(CLI::App& app, Invocation& invocation);
void addGenerate(CLI::App& app, Invocation& invocation);
void addLogits(CLI::App& app, Invocation& invocation);
void addBench(CLI::App& app, Invocation& invocation);
void addDiff(CLI::App& app, Invocation& invocation);
void addSelftest(CLI::App& app, Invocation& invocation);
void addDevices(CLI::App& app, Invocation& invocation);

/// --json, --quiet, --verbose, and with `job` --threads.
void addCommon(CLI::App& command, CommonOptions& common, bool job);

}  // namespace deltascope::cli
