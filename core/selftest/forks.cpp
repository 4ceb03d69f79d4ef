// SPDX-License-Identifier: Apache-2.0
#include "core/selftest/forks.h"

#include <algorithm>
#include <chrono>

#include "core/base/meter.h"
#include "core/base/split_mix.h"
#include "core/base/units.h"
#include "core/runtime/runtime.h"
#include "core/selftest/parts.h"
#include "core/selftest/small_model.h"

namespace deltascope {
namespace {

/// Of 3 to 64 tokens; the second half of every other one repeats the first, so that look-up has something to find.
std::vector<TokenId> promptOf(std::uint32_t number, std::uint32_t vocabulary) {
  SplitMix64 random(number);
  std::vector<TokenId> prompt(3 + random.next() % 62);
  for (TokenId& id : prompt) id = static_cast<TokenId>(random.next() % vocabulary);
  if (number % 2 == 1)
    std::copy_n(prompt.begin(), prompt.size() / 2, prompt.end() - static_cast<std::ptrdiff_t>(prompt.size() / 2));
  return prompt;
}

struct Tally {
  std::uint64_t answers = 0, forked = 0, passes = 0, tokens = 0, drafted = 0, accepted = 0;
  std::string first;

  void compare(const Generation& with, const Generation& without, const std::string& which) {
    ++answers;
    passes += with.exactPasses;
    tokens += with.ids.size() - std::min<std::size_t>(with.ids.size(), 1);  // the first is the prompt's
    drafted += with.drafted;
    accepted += with.accepted;
    if (with.ids == without.ids && with.logitsHash == without.logitsHash && with.stopReason == without.stopReason) return;
    if (forked++ > 0) return;
    const auto at = std::ranges::mismatch(with.ids, without.ids).in1 - with.ids.begin();
    first = which + (at < std::ssize(with.ids) ? ", token " + std::to_string(at) : ", the logits alone");
  }
  [[nodiscard]] std::string tokensAPass() const {
    const std::uint64_t hundredths = passes ? 100 * tokens / passes : 0;
    return std::to_string(hundredths / 100) + "." + std::to_string(hundredths / 10 % 10) + std::to_string(hundredths % 10);
  }
  [[nodiscard]] SelfTestCheck check(std::string name) const {
    return {std::move(name), forked == 0,
            formatCount(forked) + " of " + formatCount(answers) + " answers forked" +
                (forked ? ", the first at " + first : "") + "; " +
                (drafted ? formatCount(accepted) + " of " + formatCount(drafted) + " drafts right, " + tokensAPass() +
                               " tokens a pass"
                         : "not one draft was made")};
  }
};

class Protocol {
 public:
  Protocol(const ForksRequest& request, const JobContext& job)
      : m_request(request),
        m_job(job),
        m_meter(job),
        m_all(request.placements.size() * (std::uint64_t{request.lastPrompt} - request.firstPrompt + 1) *
              (std::uint64_t{2} * request.passes * request.widths + request.passes + 1)) {}

  Result<void> run(SelfTestResult& result) {
    for (const auto& placement : m_request.placements) {
      DELTASCOPE_TRY(load(placement));
      m_drafted = m_accepted = 0;
      for (const bool sampled : {false, true}) DELTASCOPE_TRY(compare(placement, sampled, result.checks));
      // Where nothing was drafted, nothing was proved.
      result.checks.push_back({placement + ", drafts were made", m_drafted > 0,
                               formatCount(m_accepted) + " of " + formatCount(m_drafted) + " right"});
    }
    m_meter.finish();
    return {};
  }

 private:
  Result<void> load(const std::string& placement) {
    m_meter.phase("loading");
    m_session.reset();
    LoadRequest loading;
    loading.path = m_request.model;
    loading.device = m_request.device;
    loading.placement = placementFromName(placement);
    loading.threads = m_job.threads;
    loading.context = fitContext(loading, 64 + m_request.tokens);
    loading.draftTokens = kMostDrafts;
    DELTASCOPE_ASSIGN(auto model, Model::load(loading, {m_job.stop, {}, m_job.threads}));
    m_vocabulary = model->config().vocabulary;
    DELTASCOPE_ASSIGN(m_session, Session::create(std::move(model)));
    return {};
  }

  Result<Generation> answer(std::uint32_t prompt, std::uint32_t pass, bool sampled, std::uint32_t width) {
    GenerateRequest request;
    request.prompt = promptOf(prompt, m_vocabulary);
    request.maxNewTokens = m_request.tokens;
    request.ignoreEnd = true;
    if (sampled) request.sampling = {0.8f, 0, 1, 0, 1, pass};
    if (width > 0) request.draft = {DraftSource::Auto, width};
    m_session->clear();
    DELTASCOPE_ASSIGN(auto generation, m_session->generate(request, m_job.stop));
    if (generation.stopReason == StopReason::Cancelled) return fail(ErrorCode::Cancelled, "cancelled");
    m_meter.add("answer " + formatCount(++m_answers) + " of " + formatCount(m_all), 0, false);
    return generation;
  }

  Result<void> compare(const std::string& placement, bool sampled, std::vector<SelfTestCheck>& checks) {
    const std::string sort = placement + (sampled ? ", sampled" : ", greedy");
    m_meter.phase(sampled ? "sampled" : "greedy");
    std::vector<Tally> tallies(m_request.widths);
    for (std::uint32_t prompt = m_request.firstPrompt; prompt <= m_request.lastPrompt; ++prompt) {
      Generation without;
      for (std::uint32_t pass = 0; pass < m_request.passes; ++pass) {
        if (sampled || pass == 0) {  // greedy passes must all be one answer
          DELTASCOPE_ASSIGN(without, answer(prompt, pass, sampled, 0));
        }
        for (std::uint32_t width = 1; width <= m_request.widths; ++width) {
          DELTASCOPE_ASSIGN(const Generation with, answer(prompt, pass, sampled, width));
          tallies[width - 1].compare(with, without, "prompt " + std::to_string(prompt) + ", pass " + std::to_string(pass + 1));
        }
      }
    }
    for (const Tally& tally : tallies) {
      m_drafted += tally.drafted;
      m_accepted += tally.accepted;
    }
    for (std::uint32_t width = 1; width <= m_request.widths; ++width)
      checks.push_back(tallies[width - 1].check(sort + ", " + std::to_string(width) + (width == 1 ? " draft" : " drafts")));
    return {};
  }

  const ForksRequest& m_request;
  const JobContext& m_job;
  Meter m_meter;
  std::uint64_t m_all, m_answers = 0, m_drafted = 0, m_accepted = 0;  ///< the last two: of this placement
  std::unique_ptr<Session> m_session;
  std::uint32_t m_vocabulary = 0;
};

}  // namespace

Result<void> selftest::testDrafts(const std::string& device, const JobContext& job, Checks& checks) {
  const TemporaryFolder folder;
  DELTASCOPE_TRY(folder.ready());
  ForksRequest request;
  request.model = folder.path() / "plain";
  DELTASCOPE_TRY(writeSmallModel(request.model, SmallModel::Wide));
  request.packFirst = true;
  request.device = device;
  request.placements = {"static", "jit", "stream"};
  request.lastPrompt = 4;
  request.passes = 1;
  request.widths = 4;
  request.tokens = 48;
  DELTASCOPE_ASSIGN(const SelfTestResult forks, testForks(request, {job.stop, {}, job.threads}));
  for (const auto& check : forks.checks) checks.push_back({"drafts, " + check.name, check.passed, check.detail});
  return {};
}

Result<SelfTestResult> testForks(const ForksRequest& request, const JobContext& job) {
  if (request.firstPrompt == 0 || request.lastPrompt < request.firstPrompt)
    return fail(ErrorCode::InvalidArgument,
                "there are no prompts from " + formatCount(request.firstPrompt) + " to " + formatCount(request.lastPrompt));
  const auto start = std::chrono::steady_clock::now();
  const selftest::TemporaryFolder folder;
  ForksRequest packed = request;
  if (request.packFirst) {
    DELTASCOPE_TRY(folder.ready());
    packed.model = folder.path() / "packed";
    DELTASCOPE_TRY(selftest::packOverNf4(request.model, packed.model, job));
  }
  SelfTestResult result;
  DELTASCOPE_TRY(Protocol(packed, job).run(result));
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace deltascope
