// SPDX-License-Identifier: Apache-2.0
#include "core/base/units.h"
#include "core/rebuild/verify.h"
#include "core/runtime/runtime.h"
#include "core/selftest/parts.h"
#include "core/selftest/small_model.h"

namespace deltascope::selftest {
namespace {

const std::vector<TokenId> kPrompt{5, 600, 17, 23, 300};

Result<Generation> run(const LoadRequest& request, const JobContext& job) {
  DELTASCOPE_ASSIGN(auto model, Model::load(request, job));
  DELTASCOPE_ASSIGN(const auto session, Session::create(std::move(model)));
  GenerateRequest generating;
  generating.prompt = kPrompt;
  generating.maxNewTokens = 24;
  generating.ignoreEnd = true;
  return session->generate(generating, job.stop);
}

Result<std::vector<float>> logitsOf(const LoadRequest& request, const JobContext& job) {
  DELTASCOPE_ASSIGN(auto model, Model::load(request, job));
  DELTASCOPE_ASSIGN(const auto session, Session::create(std::move(model)));
  return session->logits(kPrompt, job.stop);
}

/// Another device adds in another order: its logits are off by roundings of FP32 sums, which stay far below this share of the
/// largest logit.
constexpr float kDeviceBound = 0x1p-14f;

SelfTestCheck compareLogits(const std::string& name, std::span<const float> device, std::span<const float> processor) {
  SelfTestCheck check{name + "logits against the processor's", true, {}};
  float largest = 0, off = 0;
  for (std::size_t i = 0; i < processor.size(); ++i) {
    largest = std::max(largest, std::fabs(processor[i]));
    off = std::max(off, std::fabs(device[i] - processor[i]));
    if (!std::isfinite(device[i])) check.passed = false;
  }
  check.passed = check.passed && largest > 0 && off <= kDeviceBound * largest;
  check.detail =
      "off by at most " + std::to_string(off / largest) + " of the largest, " + std::to_string(kDeviceBound) + " allowed";
  return check;
}

}  // namespace

Result<void> testModel(const std::string& device, const JobContext& job, Checks& checks) {
  const TemporaryFolder folder;
  DELTASCOPE_TRY(folder.ready());
  const JobContext quiet{job.stop, {}, job.threads};
  const std::filesystem::path plain = folder.path() / "plain", packed = folder.path() / "packed";
  DELTASCOPE_TRY(writeSmallModel(plain, SmallModel::Narrow));
  DELTASCOPE_TRY(packOverNf4(plain, packed, job));
  VerifyRequest verifying;
  verifying.path = packed;
  verifying.final = plain;
  verifying.device = device;
  DELTASCOPE_ASSIGN(const auto verified, verify(verifying, quiet));
  checks.push_back({"a small model, packed and verified", verified.bitExact,
                    (verified.bitExact ? "bit-exact: " : "not bit-exact: ") +
                        formatCount(verified.elementsCompared - verified.elementsDifferent) + " of " +
                        formatCount(verified.elementsCompared)});

  return testRuns({{}, plain, packed, device}, job, checks);
}

Result<void> testRuns(const ModelRuns& runs, const JobContext& job, Checks& checks) {
  const JobContext quiet{job.stop, {}, job.threads};
  LoadRequest request;
  request.path = runs.plain;
  request.device = runs.device;
  request.threads = job.threads;
  DELTASCOPE_ASSIGN(const Generation truth, run(request, quiet));
  if (runs.device != "cpu") {
    DELTASCOPE_ASSIGN(const auto there, logitsOf(request, quiet));
    request.device = "cpu";
    DELTASCOPE_ASSIGN(const auto here, logitsOf(request, quiet));
    DELTASCOPE_ASSIGN(const Generation processor, run(request, quiet));
    request.device = runs.device;
    checks.push_back(compareLogits(runs.name, there, here));
    checks.push_back({runs.name + "24 greedy tokens as the processor gives them", processor.ids == truth.ids,
                      processor.ids == truth.ids ? "the same ids" : "other ids"});
  }
  request.path = runs.packed;
  for (const auto placement : {Placement::Static, Placement::Jit, Placement::Stream}) {
    request.placement = placement;
    DELTASCOPE_ASSIGN(const Generation exact, run(request, quiet));
    const bool same = exact.logitsHash == truth.logitsHash && exact.ids == truth.ids;
    checks.push_back(
        {runs.name + "24 tokens, " + std::string(nameOf(placement)) + " against the checkpoint itself", same,
         same ? "the same logits, hash " + exact.logitsHash : "hash " + exact.logitsHash + " is not " + truth.logitsHash});
  }
  return {};
}

}  // namespace deltascope::selftest
