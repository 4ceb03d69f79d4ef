// SPDX-License-Identifier: Apache-2.0
#include "core/selftest/selftest.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <memory>
#include <optional>
#include <tuple>

#include "app/cli/job.h"
#include "app/cli/model_options.h"
#include "app/cli/print.h"
#include "core/selftest/forks.h"

namespace deltascope::cli {
namespace {

Json toJson(const SelfTestResult& r) {
  Json checks = Json::array();
  for (const auto& check : r.checks)
    checks.push_back({{"name", check.name}, {"passed", check.passed}, {"detail", check.detail}});
  return {{"passed", r.passed()}, {"checks", std::move(checks)}, {"seconds", r.seconds}};
}

std::string toText(const SelfTestResult& r, const std::string& device, bool verbose) {
  std::string text;
  std::size_t failed = 0;
  for (const auto& check : r.checks) {
    failed += !check.passed;
    if (verbose || !check.passed) text += fmt::format("{}: {}: {}\n", check.passed ? "ok" : "FAILED", check.name, check.detail);
  }
  return text + fmt::format("{}: {} of {} checks passed · {}\n", device, r.checks.size() - failed, r.checks.size(),
                            formatDuration(r.seconds));
}

/// The demo model, from where this program lies: of an installation, or of the source tree above a build.
Result<std::filesystem::path> demoModel() {
  std::error_code ignored;
  std::filesystem::path folder = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  if (const auto installed = folder / "../share/deltascope/demo/chat"; exists(installed, ignored)) return installed;
  for (; folder.has_relative_path(); folder = folder.parent_path())
    if (const auto candidate = folder / "resources/demo/chat"; exists(candidate, ignored)) return candidate;
  return fail(ErrorCode::NotFound, "the demo model is not beside this program", "name a packed model with --model");
}

constexpr std::uint32_t kMostPrompts = 100'000;

struct Options {
  SelfTestRequest all;
  std::string protocol, prompts = "25";
  ForksRequest forks;
};

/// "25": from 1 to 25; "11-20". Numbers to 100,000.
std::optional<std::pair<std::uint32_t, std::uint32_t>> promptRange(std::string_view text) {
  const auto number = [](std::string_view digits) -> std::uint32_t {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size() && value <= kMostPrompts ? value : 0;
  };
  const auto dash = text.find('-');
  const std::uint32_t first = dash == text.npos ? 1 : number(text.substr(0, dash)),
                      last = number(dash == text.npos ? text : text.substr(dash + 1));
  if (first == 0 || last < first) return std::nullopt;
  return std::pair{first, last};
}

std::string checkPrompts(std::string& text) {
  return promptRange(text) ? std::string() : "a number of prompts, 1 to 100000, or the first and the last as 11-20";
}

Result<SelfTestResult> runForks(const Options& o, const JobContext& job) {
  ForksRequest request = o.forks;
  request.device = o.all.device;
  if (const auto range = promptRange(o.prompts)) std::tie(request.firstPrompt, request.lastPrompt) = *range;
  request.packFirst = request.model.empty();
  if (request.packFirst) {
    DELTASCOPE_ASSIGN(request.model, demoModel());
  }
  return testForks(request, job);
}

}  // namespace

void addSelftest(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("selftest", "prove that a device computes what it should");
  command
      ->add_option("--device", options->all.device,
                   "what to test: cpu or cuda:N; several with commas, or cuda:all, also together")
      ->type_name("DEVICE")
      ->check(CLI::Validator(checkDevices, kDevices))
      ->capture_default_str();
  CLI::Option* protocol = command
                              ->add_option("--protocol", options->protocol,
                                           "forks: thousands of answers with drafts and without, which must be the same")
                              ->type_name("NAME")
                              ->check(CLI::IsMember({"forks"}));
  const auto ofForks = [&](const char* name, auto& value, const char* what, const char* type) {
    command->add_option(name, value, what)->type_name(type)->needs(protocol)->capture_default_str();
  };
  ofForks("--model", options->forks.model, "a packed model; without it the demo", "PATH");
  ofForks("--prompts", options->prompts, "so many, or those from one number to another: parts of the protocol", "N|FROM-TO");
  ofForks("--passes", options->forks.passes, "passes over each, greedy and sampled", "N");
  ofForks("--widths", options->forks.widths, "drafts a pass, from 1", "N");
  ofForks("--tokens", options->forks.tokens, "tokens of an answer", "N");
  ofForks("--placements", options->forks.placements, "static, jit, stream", "LIST");
  command->get_option("--placements")->delimiter(',')->check(CLI::IsMember({"static", "jit", "stream"}));
  command->get_option("--prompts")->check(CLI::Validator(checkPrompts, ""));
  for (const char* name : {"--passes", "--tokens"}) command->get_option(name)->check(CLI::Range(1, 100'000));
  command->get_option("--widths")->check(CLI::Range(1u, kMostDrafts));
  addCommon(*command, invocation.common, true);
  command->footer("Exit status 0: every check passed. 1: one failed. 3: it could not be run.");
  command->callback([options, &invocation] {
    invocation.run = [options, &invocation]() -> int {
      const auto result = runJob(invocation, [&](const JobContext& job) {
        return options->protocol.empty() ? selfTest(options->all, job) : runForks(*options, job);
      });
      if (!result) return report(result.error());
      const bool verbose = invocation.common.verbose || !options->protocol.empty();
      invocation.common.json ? printJson(toJson(*result)) : printText(toText(*result, options->all.device, verbose));
      return result->passed() ? kDone : kCheckFailed;
    };
  });
}

}  // namespace deltascope::cli
