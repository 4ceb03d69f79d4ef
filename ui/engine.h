// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The engine as the window sees it: one seam a call, so that tests can stand in for it.
#include <functional>
#include <string>
#include <vector>

#include "core/base/units.h"
#include "core/bench/bench.h"
#include "core/inspect/inspect.h"
#include "core/pack/import.h"
#include "core/pack/pack.h"
#include "core/rebuild/unpack.h"
#include "core/rebuild/verify.h"
#include "core/runtime/runtime.h"
#include "kernels/backend.h"

namespace deltascope::ui {

/// A conversation so far, and how to go on.
struct ChatTurn {
  nlohmann::ordered_json messages;  ///< array of {"role", "content"}; the last is the user's
  Sampling sampling;
  std::uint32_t maxNewTokens = 512;
  bool raw = false;                                ///< the last message's text is continued as it is, without the chat template
  std::function<void(const TokenEvent&)> onToken;  ///< on the calling thread
  std::function<void(std::uint32_t done, std::uint32_t total)> onPrompt;
};

/// A model in memory that answers. `answer` is for one caller at a time, from any thread; what a conversation begins with is
/// not read again. Cancelling is no error: it comes back with StopReason::Cancelled.
struct ChatModel {
  MemoryPlan plan;
  std::string fingerprint;  ///< Model::fingerprint()
  std::string note;         ///< ModelCompanions::note
  std::function<kernels::MemoryUse()> memory;
  std::function<Result<Generation>(const ChatTurn&, const std::stop_token&)> answer;
};

/// How a model's text is cut: the class of transformers, and whether the stages are tokenizer.json's own.
struct TokenizerKind {
  std::string className;
  bool fileStages = false;
};

/// Every call may be made from any thread; none touches Qt. All members are set in a usable Engine.
struct Engine {
  std::function<Result<PackResult>(const PackRequest&, const JobContext&)> pack;
  std::function<Result<PackEstimate>(const PackRequest&, const JobContext&)> estimatePack;
  std::function<Result<VerifyResult>(const VerifyRequest&, const JobContext&)> verify;
  std::function<Result<UnpackResult>(const UnpackRequest&, const JobContext&)> unpack;
  std::function<Result<ImportResult>(const ImportRequest&, const JobContext&)> importScripts;
  /// A base that is given and is not the payload's is refused, by name and fingerprint.
  std::function<Result<Inspection>(const std::filesystem::path& path, const std::filesystem::path& base)> inspect;
  std::function<Result<TensorCloseUp>(const std::filesystem::path& path, const std::filesystem::path& base,
                                      const std::string& tensor, std::uint64_t elementLimit, const JobContext&)>
      closeUp;
  /// NotFound for a model without one.
  std::function<Result<TokenizerKind>(const std::filesystem::path& path, const std::filesystem::path& base)> tokenizer;
  std::function<std::vector<kernels::DeviceInfo>()> devices;
  std::function<Result<MemoryPlan>(const LoadRequest&)> planModel;
  /// `sibling`: another variant over the same base, which is then not read again; may be null.
  std::function<Result<std::shared_ptr<ChatModel>>(const LoadRequest&, const JobContext&,
                                                   const std::shared_ptr<ChatModel>& sibling)>
      loadChat;
  /// Hooks are called on the calling thread.
  std::function<Result<BenchmarkRun>(const BenchmarkRequest&, const JobContext&, const BenchmarkHooks&)> benchmark;
  std::function<ResidentMemory()> residentMemory;
};

/// The functions of core and kernels.
[[nodiscard]] Engine realEngine();

}  // namespace deltascope::ui
