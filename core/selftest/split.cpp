// SPDX-License-Identifier: Apache-2.0
// Several devices that share a model.
#include <algorithm>

#include "core/base/units.h"
#include "core/runtime/runtime.h"
#include "core/selftest/parts.h"
#include "core/selftest/small_model.h"

namespace deltascope::selftest {
namespace {

const std::vector<TokenId> kPrompt{5, 600, 17, 23, 300, 5, 600, 17};
constexpr std::uint32_t kDrafts = 3;

Result<Generation> answerOf(const LoadRequest& request, bool drafts, const JobContext& job) {
  DELTASCOPE_ASSIGN(auto model, Model::load(request, job));
  DELTASCOPE_ASSIGN(const auto session, Session::create(std::move(model)));
  GenerateRequest generating;
  generating.prompt = kPrompt;
  generating.maxNewTokens = 24;
  generating.ignoreEnd = true;
  if (drafts) generating.draft = {DraftSource::Base, kDrafts};
  return session->generate(generating, job.stop);
}

std::string joined(const std::vector<std::string>& names, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += (i ? "," : "") + names[i];
  return text;
}

class Comparison {
 public:
  Comparison(const Generation& truth, const JobContext& job, Checks& checks) : m_truth(truth), m_job(job), m_checks(checks) {}

  Result<void> run(const LoadRequest& request, const std::string& how, bool drafts = false) {
    DELTASCOPE_ASSIGN(const Generation answer, answerOf(request, drafts, m_job));
    SelfTestCheck check{request.device + ", " + how + ", against one device", true,
                        "the same logits, hash " + answer.logitsHash};
    if (answer.logitsHash != m_truth.logitsHash || answer.ids != m_truth.ids)
      check = {check.name, false, "hash " + answer.logitsHash + " is not " + m_truth.logitsHash};
    else if (request.memoryBudget && answer.peakMemoryBytes > *request.memoryBudget)
      check = {check.name, false,
               formatCount(answer.peakMemoryBytes) + " bytes were held, of " + formatCount(*request.memoryBudget)};
    else if (drafts && answer.drafted == 0)
      check = {check.name, false, "nothing was drafted"};
    m_checks.push_back(std::move(check));
    return {};
  }

 private:
  const Generation& m_truth;
  const JobContext& m_job;
  Checks& m_checks;
};

}  // namespace

Result<void> testSplit(const std::vector<std::string>& devices, const JobContext& job, Checks& checks) {
  const TemporaryFolder folder;
  DELTASCOPE_TRY(folder.ready());
  const JobContext quiet{job.stop, {}, job.threads};
  const auto plain = folder.path() / "plain", packed = folder.path() / "packed";
  DELTASCOPE_TRY(writeSmallModel(plain, SmallModel::Wide, devices.size() + 1));
  DELTASCOPE_TRY(packOverNf4(plain, packed, job));
  LoadRequest request;
  request.path = packed;
  request.device = devices.front();
  request.threads = job.threads;
  DELTASCOPE_ASSIGN(const Generation truth, answerOf(request, false, quiet));
  Comparison comparison(truth, quiet, checks);
  for (std::size_t count = 2; count <= devices.size(); ++count) {
    LoadRequest shared = request;
    shared.device = joined(devices, count);
    for (const auto placement : {Placement::Static, Placement::Jit, Placement::Stream}) {
      shared.placement = placement;
      DELTASCOPE_TRY(comparison.run(shared, std::string(nameOf(placement))));
    }
    shared.placement = Placement::Jit;
    shared.draftTokens = kDrafts;
    DELTASCOPE_TRY(comparison.run(shared, "with drafts", true));
    shared.draftTokens = 0;
    shared.placement.reset();
    DELTASCOPE_ASSIGN(const MemoryPlan plan, planModel(shared));
    shared.memoryBudget = plan.smallestBudget;
    shared.context = plan.context;
    DELTASCOPE_TRY(comparison.run(shared, "the smallest budget"));
  }
  return {};
}

}  // namespace deltascope::selftest
