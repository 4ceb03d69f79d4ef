// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>

#include "app/cli/job.h"
#include "app/cli/model_options.h"
#include "app/cli/print.h"
#include "core/base/units.h"
#include "core/checkpoint/checkpoint.h"
#include "core/rebuild/verify.h"

namespace deltascope::cli {
namespace {

Json toJson(const VerifyResult& r) {
  Json failures = Json::array(), first = nullptr;
  if (r.firstDifference) first = {{"tensor", r.firstDifference->first}, {"index", r.firstDifference->second}};
  for (const auto& verdict : r.verdicts) {
    if (verdict.bitExact) continue;
    failures.push_back({{"tensor", verdict.tensor},
                        {"elements", verdict.elements},
                        {"different", verdict.different},
                        {"first_difference", verdict.firstDifference ? Json(*verdict.firstDifference) : Json(nullptr)},
                        {"problem", verdict.problem}});
  }
  Json findings = Json::array();
  for (const auto& finding : r.findings) findings.push_back({{"tensor", finding.tensor}, {"text", finding.text}});
  return {{"bit_exact", r.bitExact},
          {"tensors", r.tensors},
          {"elements_compared", r.elementsCompared},
          {"elements_different", r.elementsDifferent},
          {"first_difference", std::move(first)},
          {"failures", std::move(failures)},
          {"findings", std::move(findings)},
          {"seconds", r.seconds}};
}

std::string toText(const VerifyResult& r, const std::string& path, bool verbose) {
  std::string text;
  std::uint64_t failed = 0;
  for (const auto& verdict : r.verdicts) {
    failed += !verdict.bitExact;
    if (verdict.bitExact && !verbose) continue;
    text += fmt::format("{}: {}\n", printable(verdict.tensor), printable(verdictText(verdict)));
    if (verdict.firstDifference && !verdict.problem.empty()) text += fmt::format("  {}\n", printable(verdict.problem));
  }
  for (const auto& finding : r.findings) text += printable(describe(finding)) + '\n';
  if (r.bitExact)
    text += fmt::format("{}: bit-exact: {} of {} elements in {} tensors\n", printable(path), formatCount(r.elementsCompared),
                        formatCount(r.elementsCompared), formatCount(r.tensors));
  else
    text += fmt::format("{}: not bit-exact: {} of {} tensors failed, {} elements compared, {} differ\n", printable(path),
                        formatCount(failed), formatCount(r.tensors), formatCount(r.elementsCompared),
                        formatCount(r.elementsDifferent));
  return text;
}

}  // namespace

void addVerify(CLI::App& app, Invocation& invocation) {
  struct Options {
    std::string path, base, final, device = "cpu";
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("verify", "reconstruct every tensor and check it bit for bit");
  command->add_option("PATH", options->path, "packed model or payload: folder, file or Hub id")->type_name("")->required();
  command->add_option("--base", options->base, "the base of a payload: folder, file or Hub id")->type_name("MODEL");
  command->add_option("--final", options->final, "compare bitwise with this checkpoint too")->type_name("MODEL");
  command->add_option("--device", options->device, "where to reconstruct: cpu or cuda:N")
      ->type_name("DEVICE")
      ->check(CLI::Validator(checkDevice, "cpu|cuda:N"))
      ->capture_default_str();
  addCommon(*command, invocation.common, true);
  command->footer("Exit status 0: bit-exact. 1: something differs. 3: it could not be checked.");
  command->callback([options, &invocation] {
    invocation.run = [options, &invocation]() -> int {
      VerifyRequest request;
      request.path = options->path;
      request.base = options->base;
      request.device = options->device;
      if (!options->final.empty()) {
        auto final = resolveModel(options->final);
        if (!final) return report(final.error());
        request.final = std::move(*final);
      }
      const auto result = runJob(invocation, [&](const JobContext& job) { return verify(request, job); });
      if (!result) return report(result.error());
      invocation.common.json ? printJson(toJson(*result))
                             : printText(toText(*result, options->path, invocation.common.verbose));
      return result->bitExact ? kDone : kCheckFailed;
    };
  });
}

}  // namespace deltascope::cli
