// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "core/base/units.h"
#include "core/runtime/drafter.h"
#include "core/runtime/logits_hash.h"
#include "core/runtime/model_state.h"
#include "core/text/stream.h"

namespace deltascope {
namespace {

using Clock = std::chrono::steady_clock;

/// A later prompt may differ from this one in its last few tokens: those that begin an answer, as a rule.
constexpr std::uint32_t kReturnTokens = 16;

double secondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

}  // namespace

std::string_view nameOf(StopReason reason) {
  switch (reason) {
    case StopReason::End:
      return "end";
    case StopReason::Length:
      return "length";
    case StopReason::Context:
      return "context";
    case StopReason::Cancelled:
      break;
  }
  return "cancelled";
}

namespace {

constexpr std::array<std::string_view, 4> kDraftSources{"off", "auto", "base", "lookup"};

}  // namespace

std::string_view nameOf(DraftSource source) { return kDraftSources[static_cast<std::size_t>(source)]; }

std::optional<DraftSource> draftSourceFromName(std::string_view name) {
  const auto at = std::ranges::find(kDraftSources, name);
  if (at == kDraftSources.end()) return std::nullopt;
  return static_cast<DraftSource>(at - kDraftSources.begin());
}

struct Session::State {
  std::shared_ptr<Model> model;
  KvCache cache;
  std::vector<std::uint64_t> taken;  ///< of each part's account, by the cache
  std::vector<TokenId> tokens;       ///< those in the cache
  std::vector<float> logits;         ///< after the last token, or after each of the last pass that judged drafts

  [[nodiscard]] Model::State& parts() const { return *model->m_state; }
  [[nodiscard]] Result<void> checkPrompt(std::span<const TokenId> prompt) const;
  Result<std::uint32_t> readPrompt(std::span<const TokenId> prompt,
                                   const std::function<void(std::uint32_t, std::uint32_t)>& onPrompt,
                                   const std::stop_token& stop);
  Result<void> append(std::span<const TokenId> ids, std::size_t logitRows, const std::stop_token& stop);
  /// To `length` tokens, or fewer where a recurrent layer cannot step back to them: tokens.size() tells.
  void truncate(std::size_t length);
  /// Whether what is in the cache serves a text of `length` tokens.
  [[nodiscard]] bool keysServe(std::size_t length) const {
    return !model->config().readsAgain ||
           parts().transformer->sameAngles(cache.promptLength(), static_cast<std::uint32_t>(length));
  }
  [[nodiscard]] Result<void> checkDrafts(const DraftRequest& asked) const;
};

Result<void> Session::State::checkPrompt(std::span<const TokenId> prompt) const {
  if (prompt.empty()) return fail(ErrorCode::InvalidArgument, "the prompt is empty", "write something");
  if (prompt.size() > cache.capacity())
    return fail(ErrorCode::InvalidArgument,
                "the prompt has " + formatCount(prompt.size()) + " tokens, the context holds " + formatCount(cache.capacity()),
                "shorten it, or ask for a larger context");
  const std::uint32_t vocabulary = model->config().vocabulary;
  for (const TokenId id : prompt)
    if (id >= vocabulary)
      return fail(ErrorCode::InvalidArgument,
                  "token id " + std::to_string(id) + " is outside the model's vocabulary of " + formatCount(vocabulary));
  return {};
}

Result<void> Session::State::append(std::span<const TokenId> ids, std::size_t logitRows, const std::stop_token& stop) {
  if (logitRows > 0) logits.resize(logitRows * model->config().vocabulary);
  DELTASCOPE_TRY(parts().transformer->forward(ids, cache, logitRows > 0 ? std::span(logits) : std::span<float>(), stop));
  tokens.insert(tokens.end(), ids.begin(), ids.end());
  return {};
}

void Session::State::truncate(std::size_t length) {
  const std::uint32_t reached = cache.reachable(static_cast<std::uint32_t>(length));
  tokens.resize(reached);
  cache.setLength(reached);
}

Result<void> Session::State::checkDrafts(const DraftRequest& asked) const {
  if (asked.source != DraftSource::Base || !parts().bases().empty()) return {};
  return fail(ErrorCode::InvalidArgument, "the model has no base in memory that could draft",
              "draft by lookup: weights that are static keep no base beside them, and blocks of a GGUF file do not draft");
}

/// Reads what the cache does not hold yet, at least the last token, whose logits are wanted. Returns how many it held.
Result<std::uint32_t> Session::State::readPrompt(std::span<const TokenId> prompt,
                                                 const std::function<void(std::uint32_t, std::uint32_t)>& onPrompt,
                                                 const std::stop_token& stop) {
  const auto common = std::mismatch(tokens.begin(), tokens.end(), prompt.begin(), prompt.end()).first - tokens.begin();
  const auto length = static_cast<std::uint32_t>(prompt.size());
  const bool sameAngles = parts().transformer->sameAngles(cache.promptLength(), length);
  truncate(sameAngles ? std::min(static_cast<std::size_t>(common), prompt.size() - 1) : 0);
  const std::size_t reused = tokens.size();
  cache.setPromptLength(length);
  cache.expectReturn(length - std::min(length, kReturnTokens));
  const std::size_t most = parts().plan.prefillTokens;
  for (std::size_t at = reused; at < prompt.size();) {
    const std::size_t count = std::min(most, prompt.size() - at);
    DELTASCOPE_TRY(append(prompt.subspan(at, count), at + count == prompt.size() ? 1 : 0, stop));
    at += count;
    if (onPrompt) onPrompt(static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(prompt.size()));
  }
  return static_cast<std::uint32_t>(reused);
}

Session::Session(std::unique_ptr<State> state) : m_state(std::move(state)) {}
Session::~Session() {
  ModelParts& parts = m_state->parts().parts;
  for (std::size_t i = 0; i < m_state->taken.size(); ++i) parts[i].memory.gaveBack(m_state->taken[i]);
}
const std::shared_ptr<Model>& Session::model() const { return m_state->model; }

Result<std::unique_ptr<Session>> Session::create(std::shared_ptr<Model> model) {
  auto state = std::make_unique<State>();
  state->model = std::move(model);
  Model::State& parts = state->parts();
  for (auto& part : parts.parts) {
    const std::uint64_t before = part.account().use().current;
    DELTASCOPE_ASSIGN(KvCache cache, KvCache::create(part.backend(), part.variant->config, parts.plan.context,
                                                     parts.request.kvCacheType, parts.plan.draftTokens));
    const kernels::MemoryUse now = part.account().use();
    state->taken.push_back(now.current - std::min(now.current, before));
    part.memory.took(state->taken.back(), now);
    if (&part == &parts.parts.front())
      state->cache = std::move(cache);
    else
      state->cache.append(std::move(cache));
  }
  state->logits.resize(parts.variant->config.vocabulary);
  return std::unique_ptr<Session>(new Session(std::move(state)));
}

void Session::clear() { m_state->truncate(0); }

Result<std::vector<float>> Session::logits(std::span<const TokenId> prompt, const std::stop_token& stop) {
  DELTASCOPE_TRY(m_state->checkPrompt(prompt));
  const std::lock_guard lock(m_state->parts().running());
  DELTASCOPE_TRY(m_state->readPrompt(prompt, {}, stop));
  return m_state->logits;
}

Result<Generation> Session::generate(const GenerateRequest& request, const std::stop_token& stop) {
  State& s = *m_state;
  Model::State& parts = s.parts();
  DELTASCOPE_TRY(checkSampling(request.sampling));
  DELTASCOPE_TRY(s.checkPrompt(request.prompt));
  DELTASCOPE_TRY(s.checkDrafts(request.draft));
  Generation result;
  result.promptIds = request.prompt;
  result.stopReason = StopReason::Length;
  Sampler sampler(request.sampling);
  LogitsHash hash;
  std::optional<Detokenizer> detokenizer;
  if (parts.text.tokenizer) detokenizer.emplace(*parts.text.tokenizer);

  const auto start = Clock::now();
  Clock::time_point first = start, last = start;
  const std::lock_guard lock(parts.running());
  for (auto& part : parts.parts) part.memory.begin(part.account());
  kernels::FeedUse before;
  const auto finish = [&] {
    const kernels::FeedUse now = parts.feedUse();
    result.streamed = {now.bytesCopied - before.bytesCopied, now.copySeconds - before.copySeconds,
                       now.waitSeconds - before.waitSeconds};
    if (detokenizer) result.text += detokenizer->finish();
    result.decodeSeconds = std::chrono::duration<double>(last - first).count();
    if (result.ids.size() > 1 && result.decodeSeconds > 0)
      result.tokensPerSecond = static_cast<double>(result.ids.size() - 1) / result.decodeSeconds;
    for (auto& part : parts.parts) {
      part.memory.end(part.account());
      result.devicePeaks.push_back(part.memory.peak());
      result.peakMemoryBytes += part.memory.peak();
      result.sidePeakBytes += part.memory.sidePeak();
    }
    result.logitsHash = toHex(hash.digest());
    return std::move(result);
  };
  const auto cancelled = [&](const Error& error) { return error.code == ErrorCode::Cancelled && stop.stop_requested(); };

  if (request.maxNewTokens == 0) return finish();
  const auto reused = s.readPrompt(request.prompt, request.onPrompt, stop);
  if (!reused) {
    if (!cancelled(reused.error())) return tl::make_unexpected(reused.error());
    result.stopReason = StopReason::Cancelled;
    return finish();
  }
  result.reusedTokens = *reused;
  result.promptSeconds = secondsSince(start);
  std::vector<TokenId> seen = request.prompt;
  const std::uint32_t vocabulary = s.model->config().vocabulary;
  Drafter drafter(request.draft, *parts.transformer, parts.bases(), vocabulary);
  std::vector<TokenId> drafts;  // judged by the last pass
  std::size_t right = 0;        // of them, so far
  // Gets the logits after `id`, the last token of `seen`: the last pass has them where it was drafted, else a new pass.
  const auto advance = [&](TokenId id) -> Result<void> {
    if (right < drafts.size() && drafts[right] == id) return ++right, Result<void>();
    result.rejected += right < drafts.size();
    drafter.judged(static_cast<std::uint32_t>(right));
    s.truncate(seen.size() - 1);  // without the drafts that were wrong
    std::uint32_t most = std::min({parts.plan.draftTokens, s.cache.capacity() - s.cache.length() - 1,
                                   request.maxNewTokens - static_cast<std::uint32_t>(result.ids.size()) - 1});
    right = 0;
    if (!s.keysServe(seen.size()) || s.tokens.size() + 1 < seen.size()) {
      drafts.clear();
      const auto began = Clock::now();
      DELTASCOPE_TRY(s.readPrompt(seen, {}, stop));
      result.verifySeconds += secondsSince(began);
      return ++result.exactPasses, Result<void>();
    }
    while (most > 0 && !s.keysServe(seen.size() + most)) --most;
    DELTASCOPE_TRY(drafter.propose(seen, result.ids.size(), most, sampler, s.cache, stop, drafts));
    result.draftSeconds = drafter.seconds();
    std::vector<TokenId> pass{id};
    pass.insert(pass.end(), drafts.begin(), drafts.end());
    const auto began = Clock::now();
    auto done = s.append(pass, pass.size(), stop);
    // A draft for which the model gives no numbers is no more than a wrong one.
    if (!done && done.error().code == ErrorCode::Corrupt && !drafts.empty()) {
      drafts.clear();
      pass.resize(1);
      done = s.append(pass, 1, stop);
    }
    DELTASCOPE_TRY(done);
    const double took = secondsSince(began);
    result.verifySeconds += took;
    drafter.passTook(static_cast<std::uint32_t>(pass.size()), took);
    ++result.exactPasses;
    result.drafted += static_cast<std::uint32_t>(drafts.size());
    return {};
  };
  for (;;) {
    const auto logits = std::span(s.logits).subspan(right * vocabulary, vocabulary);
    if (std::ranges::all_of(logits, [](float logit) { return std::isnan(logit); }))
      return fail(ErrorCode::Corrupt,
                  "the model gives no numbers after token " + std::to_string(seen.size()) + " of the text, id " +
                      std::to_string(seen.back()),
                  "some of its weights are no numbers; check them with inspect, or download the model again");
    const TokenId id = sampler.sample(logits, seen, result.ids.size());
    drafts.empty() ? hash.take(s.logits) : hash.add(logits);
    last = Clock::now();
    if (result.ids.empty()) {
      before = parts.feedUse();
      first = last;
      result.timeToFirstTokenMs = 1e3 * std::chrono::duration<double>(last - start).count();
    }
    result.ids.push_back(id);
    seen.push_back(id);
    TokenEvent event{id, detokenizer ? detokenizer->add(id) : std::string(),
                     std::chrono::duration<double>(last - start).count(), right < drafts.size() && drafts[right] == id};
    result.text += event.text;
    result.accepted += event.drafted;
    if (request.onToken) request.onToken(event);
    if (!request.ignoreEnd && std::ranges::find(parts.endIds, id) != parts.endIds.end()) {
      result.stopReason = StopReason::End;
      break;
    }
    if (result.ids.size() >= request.maxNewTokens) break;
    if (seen.size() > s.cache.capacity()) {
      result.stopReason = StopReason::Context;
      break;
    }
    if (stop.stop_requested()) {
      result.stopReason = StopReason::Cancelled;
      break;
    }
    if (auto next = advance(id); !next) {
      if (!cancelled(next.error())) return tl::make_unexpected(next.error());
      result.stopReason = StopReason::Cancelled;
      break;
    }
  }
  s.truncate(std::min(s.tokens.size(), seen.size()));  // what the text does not have
  return finish();
}

}  // namespace deltascope
