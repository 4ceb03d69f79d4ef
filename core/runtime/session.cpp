// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <future>

#include "core/base/hash.h"
#include "core/base/units.h"
#include "core/runtime/model_state.h"
#include "core/text/stream.h"

namespace deltascope {
namespace {

using Clock = std::chrono::steady_clock;

/// Hashes logits; many of them on a thread of its own, while the next token is computed.
class LogitsHash {
 public:
  ~LogitsHash() { wait(); }
  /// May take the logits, and then gives memory of the same size for the next.
  void take(std::vector<float>& logits) {
    wait();
    if (logits.size() < kWorthAThread) return m_hasher.update(std::as_bytes(std::span(logits)));
    m_logits.resize(logits.size());
    m_logits.swap(logits);
    m_done = std::async(std::launch::async, [this] { m_hasher.update(std::as_bytes(std::span(m_logits))); });
  }
  [[nodiscard]] Hash128 digest() {
    wait();
    return m_hasher.digest();
  }

 private:
  static constexpr std::size_t kWorthAThread = std::size_t{1} << 16;  ///< starting one takes as long as hashing so many
  void wait() {
    if (m_done.valid()) m_done.get();
  }
  std::vector<float> m_logits;
  Hasher128 m_hasher;
  std::future<void> m_done;
};

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

struct Session::State {
  std::shared_ptr<Model> model;
  KvCache cache;
  std::uint64_t taken = 0;      ///< of the account, by the cache
  std::vector<TokenId> tokens;  ///< those in the cache
  std::vector<float> logits;

  [[nodiscard]] Model::State& parts() const { return *model->m_state; }
  [[nodiscard]] Result<void> checkPrompt(std::span<const TokenId> prompt) const;
  Result<std::uint32_t> readPrompt(std::span<const TokenId> prompt,
                                   const std::function<void(std::uint32_t, std::uint32_t)>& onPrompt,
                                   const std::stop_token& stop);
  Result<void> append(std::span<const TokenId> ids, bool wantLogits, const std::stop_token& stop);
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

Result<void> Session::State::append(std::span<const TokenId> ids, bool wantLogits, const std::stop_token& stop) {
  DELTASCOPE_TRY(parts().transformer->forward(ids, cache, wantLogits ? std::span(logits) : std::span<float>(), stop));
  tokens.insert(tokens.end(), ids.begin(), ids.end());
  return {};
}

/// Reads what the cache does not hold yet, at least the last token, whose logits are wanted. Returns how many it held.
Result<std::uint32_t> Session::State::readPrompt(std::span<const TokenId> prompt,
                                                 const std::function<void(std::uint32_t, std::uint32_t)>& onPrompt,
                                                 const std::stop_token& stop) {
  const auto common = std::mismatch(tokens.begin(), tokens.end(), prompt.begin(), prompt.end()).first - tokens.begin();
  const auto length = static_cast<std::uint32_t>(prompt.size());
  const bool sameAngles = parts().transformer->sameAngles(cache.promptLength(), length);
  const auto reused = sameAngles ? std::min(static_cast<std::size_t>(common), prompt.size() - 1) : 0;
  tokens.resize(reused);
  cache.setLength(static_cast<std::uint32_t>(reused));
  cache.setPromptLength(length);
  const std::size_t most = parts().plan.prefillTokens;
  for (std::size_t at = reused; at < prompt.size();) {
    const std::size_t count = std::min(most, prompt.size() - at);
    DELTASCOPE_TRY(append(prompt.subspan(at, count), at + count == prompt.size(), stop));
    at += count;
    if (onPrompt) onPrompt(static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(prompt.size()));
  }
  return static_cast<std::uint32_t>(reused);
}

Session::Session(std::unique_ptr<State> state) : m_state(std::move(state)) {}
Session::~Session() { m_state->parts().taken -= m_state->taken; }
const std::shared_ptr<Model>& Session::model() const { return m_state->model; }

Result<std::unique_ptr<Session>> Session::create(std::shared_ptr<Model> model) {
  auto state = std::make_unique<State>();
  state->model = std::move(model);
  Model::State& parts = state->parts();
  const kernels::MemoryAccount& account = parts.host->backend().memory();
  const std::uint64_t before = account.use().current;
  DELTASCOPE_ASSIGN(state->cache, KvCache::create(parts.host->backend(), parts.variant->config, parts.plan.context,
                                                  parts.request.kvCacheType));
  state->taken = account.use().current - std::min(account.use().current, before);
  parts.taken += state->taken;
  parts.sidePeak = std::max<std::uint64_t>(parts.sidePeak, parts.taken + parts.shared);
  parts.peak = std::max<std::uint64_t>(parts.peak, account.use().peak);
  state->logits.resize(parts.variant->config.vocabulary);
  return std::unique_ptr<Session>(new Session(std::move(state)));
}

void Session::clear() {
  m_state->tokens.clear();
  m_state->cache.setLength(0);
}

Result<std::vector<float>> Session::logits(std::span<const TokenId> prompt, const std::stop_token& stop) {
  DELTASCOPE_TRY(m_state->checkPrompt(prompt));
  const std::lock_guard lock(m_state->parts().host->running());
  DELTASCOPE_TRY(m_state->readPrompt(prompt, {}, stop));
  return m_state->logits;
}

Result<Generation> Session::generate(const GenerateRequest& request, const std::stop_token& stop) {
  State& s = *m_state;
  Model::State& parts = s.parts();
  DELTASCOPE_TRY(checkSampling(request.sampling));
  DELTASCOPE_TRY(s.checkPrompt(request.prompt));
  Generation result;
  result.promptIds = request.prompt;
  result.stopReason = StopReason::Length;
  Sampler sampler(request.sampling);
  LogitsHash hash;
  std::optional<Detokenizer> detokenizer;
  if (parts.text.tokenizer) detokenizer.emplace(*parts.text.tokenizer);

  const auto start = Clock::now();
  Clock::time_point first = start, last = start;
  const std::lock_guard lock(parts.host->running());
  kernels::MemoryAccount& account = parts.host->backend().memory();
  const kernels::MemoryUse held = account.use();
  const std::uint64_t others = held.current - std::min<std::uint64_t>(held.current, parts.taken);
  parts.peak = std::max<std::uint64_t>(parts.peak, held.peak);
  account.resetPeak();
  kernels::FeedUse before;
  const auto finish = [&] {
    const kernels::FeedUse now = parts.store->feedUse();
    result.streamed = {now.bytesCopied - before.bytesCopied, now.copySeconds - before.copySeconds,
                       now.waitSeconds - before.waitSeconds};
    if (detokenizer) result.text += detokenizer->finish();
    result.decodeSeconds = std::chrono::duration<double>(last - first).count();
    if (result.ids.size() > 1 && result.decodeSeconds > 0)
      result.tokensPerSecond = static_cast<double>(result.ids.size() - 1) / result.decodeSeconds;
    const std::uint64_t most = account.use().peak;
    parts.peak = std::max<std::uint64_t>(parts.peak, most);
    parts.sidePeak = std::max<std::uint64_t>(parts.sidePeak, most - std::min(most, others) + parts.shared);
    result.peakMemoryBytes = parts.peak;
    result.sidePeakBytes = parts.sidePeak;
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
  for (;;) {
    const TokenId id = sampler.sample(s.logits, seen);
    hash.take(s.logits);
    last = Clock::now();
    if (result.ids.empty()) {
      before = parts.store->feedUse();
      first = last;
      result.timeToFirstTokenMs = 1e3 * std::chrono::duration<double>(last - start).count();
    }
    result.ids.push_back(id);
    seen.push_back(id);
    TokenEvent event{id, detokenizer ? detokenizer->add(id) : std::string(),
                     std::chrono::duration<double>(last - start).count()};
    result.text += event.text;
    if (request.onToken) request.onToken(event);
    if (!request.ignoreEnd && std::ranges::find(parts.endIds, id) != parts.endIds.end()) {
      result.stopReason = StopReason::End;
      break;
    }
    if (result.ids.size() >= request.maxNewTokens) break;
    if (s.cache.length() >= s.cache.capacity()) {
      result.stopReason = StopReason::Context;
      break;
    }
    if (stop.stop_requested()) {
      result.stopReason = StopReason::Cancelled;
      break;
    }
    if (auto next = s.append(std::span(&id, 1), true, stop); !next) {
      if (!cancelled(next.error())) return tl::make_unexpected(next.error());
      result.stopReason = StopReason::Cancelled;
      break;
    }
  }
  return finish();
}

}  // namespace deltascope
