// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>

#include "app/cli/command.h"
#include "app/cli/interrupt.h"
#include "app/cli/print.h"

namespace deltascope::cli {
namespace {

constexpr const char* kProgram = "deltascope-cli";

int usage(std::string message, const std::string& command) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  fmt::print(stderr, "{}: {}. Try: {}{}{} --help\n", kProgram, printable(message), kProgram, command.empty() ? "" : " ",
             command);
  return kUsage;
}

std::string chosenCommand(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? std::string() : chosen.front()->get_name();
}

CLI::App* findCommand(CLI::App& app, const std::string& name) {
  const auto named = app.get_subcommands([&name](const CLI::App* command) { return command->get_name() == name; });
  return named.empty() ? nullptr : named.front();
}

void startLog(bool verbose) {
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(kProgram, std::make_shared<spdlog::sinks::stderr_sink_mt>()));
  spdlog::set_pattern("%n: %l: %v");
  spdlog::set_level(verbose ? spdlog::level::debug : spdlog::level::warn);
  spdlog::debug("version {}", DELTASCOPE_VERSION);
}

int printHelp(CLI::App& app, const std::string& command) {
  const CLI::App* topic = command.empty() ? &app : findCommand(app, command);
  if (!topic) return usage("no command is called '" + command + "'", {});
  // App::help would explain the command that was parsed, which for `help` is itself.
  const std::string name = command.empty() ? kProgram : std::string(kProgram) + " " + command;
  printText(topic->get_formatter()->make_help(topic, name, CLI::AppFormatMode::Normal));
  return finishOutput() ? kDone : kRefused;
}

int runCommand(Invocation& invocation) {
  try {
    const int status = invocation.run();
    if (!finishOutput()) return kRefused;
    return status;
  } catch (const std::bad_alloc&) {
    return report({ErrorCode::OutOfMemory, "not enough memory", "use fewer threads"});
  } catch (const std::exception& e) {
    return report({ErrorCode::Internal, e.what(), {}});
  }
}

int main(int argc, char** argv) {
  Invocation invocation;
  CLI::App app("Packs, inspects, verifies, measures and runs exact deltas over small base models.", kProgram);
  app.set_version_flag("--version", std::string(kProgram) + " " + DELTASCOPE_VERSION);
  app.require_subcommand(0, 1);
  app.footer(
      "Model arguments are folders, files, or Hub ids in the local Hugging Face cache.\n"
      "Exit status: 0 done, 1 the check failed, 2 usage, 3 input refused or job failed, 130 cancelled.");
  addPack(app, invocation);
  addInspect(app, invocation);
  addVerify(app, invocation);
  addUnpack(app, invocation);
  addImport(app, invocation);
  addSynth(app, invocation);
  addGenerate(app, invocation);
  addLogits(app, invocation);
  addBench(app, invocation);
  addDiff(app, invocation);
  addTokenize(app, invocation);
  addDevices(app, invocation);
  addSelftest(app, invocation);
  std::string topic;
  CLI::App* help = app.add_subcommand("help", "how to use a command");
  help->add_option("COMMAND", topic, "command to explain");

  if (argc > 1 && argv[1][0] != '-' && !findCommand(app, argv[1]))
    return usage("no command is called '" + std::string(argv[1]) + "'", {});
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return printHelp(app, chosenCommand(app));
  } catch (const CLI::CallForVersion& version) {
    printText(std::string(version.what()) + '\n');
    return finishOutput() ? kDone : kRefused;
  } catch (const CLI::ParseError& error) {
    return usage(error.what(), chosenCommand(app));
  } catch (const UsageError& error) {
    return usage(error.message, chosenCommand(app));
  }
  if (help->parsed()) return printHelp(app, topic);
  if (!invocation.run) return usage("a command is needed", {});

  startLog(invocation.common.verbose);
  const Interrupt interrupt;
  invocation.stop = interrupt.token();
  return runCommand(invocation);
}

}  // namespace
}  // namespace deltascope::cli

int main(int argc, char** argv) { return deltascope::cli::main(argc, argv); }
