// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Models that say what the test wants, and remember what they were asked.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/ui/gate.h"
#include "ui/engine.h"

namespace deltascope::ui {

struct FakeToken {
  TokenId id = 0;
  std::string text;
};

inline std::vector<FakeToken> spoken(const std::string& words) {
  std::vector<FakeToken> tokens;
  std::string piece;
  for (const char c : words + " ") {
    if (c == ' ' && !piece.empty()) {
      TokenId id = 7;
      for (const char letter : piece) id = id * 31 % 30000 + static_cast<unsigned char>(letter);
      tokens.push_back({id, tokens.empty() ? piece : " " + piece});
      piece.clear();
    } else if (c != ' ') {
      piece += c;
    }
  }
  return tokens;
}

struct FakeChat {
  static constexpr std::uint64_t kSmallest = 4u << 20;
  /// What an answer's model took: of the base alone, of base and delta, and what both held together.
  static constexpr std::uint64_t kBasePeak = 5u << 20, kExactPeak = 14061404, kBothPeak = 63u << 20;

  FakeChat() {
    says = [](const LoadRequest& request, const ChatTurn&) {
      return spoken(request.baseOnly ? "NF4 is a kind of number" : "NF4 is a four-bit data type");
    };
  }

  Result<MemoryPlan> plan(const LoadRequest& request) {
    ++plans;
    const std::uint64_t budget = request.memoryBudget.value_or(std::uint64_t{8} << 30);
    if (budget < kSmallest)
      return fail(ErrorCode::InvalidArgument, "a budget of " + formatGib(budget) + " is too small",
                  "give at least " + formatGib(kSmallest) + ", or a shorter context");
    MemoryPlan plan;
    plan.device = request.device;
    plan.budget = budget;
    plan.budgetGiven = request.memoryBudget.has_value();
    plan.context = request.context ? request.context : 2048;
    plan.prefillTokens = 128;
    const int layers = 6;
    for (int layer = 0; layer < layers; ++layer)
      for (const char* kind : {"self_attn.q_proj", "mlp.up_proj"}) {
        TensorPlacement tensor;
        tensor.name = "model.layers." + std::to_string(layer) + "." + kind + ".weight";
        tensor.placement = layer < 4 ? Placement::Static : Placement::Jit;
        tensor.finalBytes = 262144;
        tensor.baseBytes = 73728;
        tensor.deltaBytes = 110000;
        tensor.residentBytes = layer < 4 ? 262144 : 183728;
        plan.weightBytes += tensor.residentBytes;
        plan.tensors.push_back(tensor);
      }
    plan.kvCacheBytes = 1u << 20;
    plan.activationBytes = 200000;
    plan.scratchBytes = 300000;
    plan.smallestBudget = kSmallest;
    plan.expectedPeak = plan.weightBytes + plan.kvCacheBytes + plan.activationBytes + plan.scratchBytes;
    return plan;
  }

  Result<std::shared_ptr<ChatModel>> load(const LoadRequest& request, const JobContext& job,
                                          const std::shared_ptr<ChatModel>& sibling) {
    {
      std::lock_guard lock(mutex);
      requests.push_back(request);
      siblings.push_back(sibling);
    }
    Progress progress;
    progress.phase = "reading";
    progress.bytesDone = 61;
    progress.bytesTotal = 100;
    if (job.progress) job.progress(progress);
    if (!loadGate.wait(job.stop)) return fail(ErrorCode::Cancelled, "cancelled");
    if (loadError) return tl::make_unexpected(*loadError);
    auto planned = plan(request);
    if (!planned) return tl::make_unexpected(planned.error());
    auto model = std::make_shared<ChatModel>();
    model->plan = *planned;
    model->fingerprint = "f00d";
    model->memory = [this] { return kernels::MemoryUse{held, held + 200000, 0}; };
    model->answer = [this, request](const ChatTurn& turn, const std::stop_token& stop) { return answer(request, turn, stop); };
    return model;
  }

  Result<Generation> answer(const LoadRequest& request, const ChatTurn& turn, const std::stop_token& stop) {
    {
      std::lock_guard lock(mutex);
      asked.push_back(turn.messages);
      samplings.push_back(turn.sampling);
      raws.push_back(turn.raw);
    }
    if (answerError) return tl::make_unexpected(*answerError);
    Generation generation;
    generation.promptIds.assign(12, 1);
    generation.reusedTokens = 4;
    if (turn.onPrompt) turn.onPrompt(12, 12);
    const auto begin = std::chrono::steady_clock::now();
    const auto tokens = says(request, turn);
    for (const FakeToken& token : tokens) {
      if (stop.stop_requested() || generation.ids.size() == turn.maxNewTokens) break;
      generation.ids.push_back(token.id);
      generation.text += token.text;
      const std::chrono::duration<double> since = std::chrono::steady_clock::now() - begin;
      turn.onToken({token.id, token.text, since.count()});
      ++streamed;
      if (generation.ids.size() == pauseAfter && !answerGate.wait(stop)) break;
      if (delay.count() > 0) std::this_thread::sleep_for(delay);
    }
    generation.stopReason = stop.stop_requested()                        ? StopReason::Cancelled
                            : generation.ids.size() == turn.maxNewTokens ? StopReason::Length
                                                                         : StopReason::End;
    if (generation.stopReason == StopReason::End) generation.ids.push_back(2);
    generation.tokensPerSecond = 212;
    generation.timeToFirstTokenMs = 31;
    generation.peakMemoryBytes = kBothPeak;
    generation.sidePeakBytes = request.baseOnly ? kBasePeak : kExactPeak;
    return generation;
  }

  void install(Engine& engine) {
    engine.planModel = [this](const LoadRequest& request) { return plan(request); };
    engine.loadChat = [this](const LoadRequest& request, const JobContext& job, const std::shared_ptr<ChatModel>& sibling) {
      return load(request, job, sibling);
    };
  }

  std::function<std::vector<FakeToken>(const LoadRequest&, const ChatTurn&)> says;
  std::mutex mutex;
  std::vector<LoadRequest> requests;
  std::vector<std::shared_ptr<ChatModel>> siblings;
  std::vector<nlohmann::ordered_json> asked;
  std::vector<Sampling> samplings;
  std::vector<bool> raws;
  std::optional<Error> loadError, answerError;  ///< set before the call
  Gate loadGate, answerGate;
  std::size_t pauseAfter = 0;  ///< tokens, then wait at answerGate; 0: never
  std::chrono::microseconds delay{0};
  std::atomic<int> plans{0}, streamed{0};
  std::uint64_t held = 13u << 20;
};

}  // namespace deltascope::ui
