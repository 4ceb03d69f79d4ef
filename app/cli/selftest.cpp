// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/selftest.h"

#include <fmt/format.h>

#include <memory>

#include "app/cli/job.h"
#include "app/cli/model_options.h"
#include "app/cli/print.h"

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

}  // namespace

void addSelftest(CLI::App& app, Invocation& invocation) {
  auto request = std::make_shared<SelfTestRequest>();
  CLI::App* command = app.add_subcommand("selftest", "prove that a device computes what it should");
  command->add_option("--device", request->device, "what to test: cpu or cuda:N")
      ->type_name("DEVICE")
      ->check(CLI::Validator(checkDevice, "cpu|cuda:N"))
      ->capture_default_str();
  addCommon(*command, invocation.common, true);
  command->footer("Exit status 0: every check passed. 1: one failed. 3: it could not be run.");
  command->callback([request, &invocation] {
    invocation.run = [request, &invocation]() -> int {
      const auto result = runJob(invocation, [&](const JobContext& job) { return selfTest(*request, job); });
      if (!result) return report(result.error());
      invocation.common.json ? printJson(toJson(*result))
                             : printText(toText(*result, request->device, invocation.common.verbose));
      return result->passed() ? kDone : kCheckFailed;
    };
  });
}

}  // namespace deltascope::cli
