// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Running a model: a packed model, a base with payloads over it, or a plain checkpoint, within a budget of memory.
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/model/config.h"
#include "core/runtime/plan.h"
#include "core/runtime/sampler.h"
#include "core/text/chat_template.h"
#include "core/text/tokenizer.h"
#include "kernels/backend.h"

namespace deltascope {

/// Drafts that one exact pass judges at most.
inline constexpr std::uint32_t kMostDrafts = 16;

class ModelFolder;
struct ModelText;

struct LoadRequest {
  std::filesystem::path path;                   ///< packed model, payload or checkpoint
  std::filesystem::path base;                   ///< of a payload that has none beside it
  std::vector<std::filesystem::path> payloads;  ///< stacked over the model of `path`, in order: a fine-tune, then its LoRA
  bool baseOnly = false;                        ///< the base as it is, without any payload
  /// "cpu", "cuda:1"; several that share the model, layers in a row each, with commas between them: "cuda:0,cuda:1", "cpu,cpu";
  /// "cuda:all". The bits are those of one such device.
  std::string device = "cpu";
  /// Bytes, of all devices together, which have equal shares; empty: what each has free.
  std::optional<std::uint64_t> memoryBudget;
  std::uint64_t staticThreshold = kStaticThreshold;
  std::optional<Placement> placement;  ///< all matrices so, where they can be; empty: as the plan sees fit
  bool expand = true;                  ///< a GPU: spend room on forms of jit weights that are decoded faster
  kernels::ComputeMode compute = kernels::ComputeMode::Fp32;  ///< of a GPU's products
  std::uint32_t context = 0;                                  ///< positions; 0: the model's own, at most 4,096
  kernels::ElementType kvCacheType = kernels::ElementType::F32;
  std::uint32_t draftTokens = 0;         ///< drafts that a pass is to have room for, at most kMostDrafts; 0: none is ever made
  unsigned threads = 0;                  ///< 0: as many as the machine has
  std::string chatTemplate = "default";  ///< the name of one, where the tokenizer has several
  /// What openFolder() gave, and openModelText() made of it, where they were called before: then no file is opened twice. A
  /// folder of another path, base, payloads or baseOnly is not used.
  std::shared_ptr<const ModelFolder> folder;
  std::shared_ptr<const ModelText> text;
};

/// The files that the request names, to be opened once for all that is done with them. Payloads by their headers.
[[nodiscard]] Result<std::shared_ptr<const ModelFolder>> openFolder(const LoadRequest& request);

/// The plan that loading would follow, from headers alone. A budget that cannot work is InvalidArgument, with the smallest that
/// can.
[[nodiscard]] Result<MemoryPlan> planModel(const LoadRequest& request);

/// Where a file beside the weights comes from.
struct CompanionUse {
  std::string name;            ///< "config.json"
  std::filesystem::path file;  ///< as messages name it
  bool borrowed = false;       ///< the payload carries none: it is that of another model, as a rule the base's
};
struct ModelCompanions {
  std::vector<CompanionUse> files;  ///< those that are read and exist
  std::string note;                 ///< for the user: which are borrowed, and whose; what config.json leaves out; or empty
};

/// Between text and tokens: what lies beside the weights, or why it is not there.
struct ModelText {
  Result<Tokenizer> tokenizer;
  Result<ChatTemplate> chatTemplate;

  /// Text as it is, with the tokens put around a text (BOS).
  [[nodiscard]] Result<std::vector<TokenId>> encode(std::string_view text) const;
  /// Messages through the chat template; their text cannot become a special token.
  [[nodiscard]] Result<std::vector<TokenId>> encode(const ChatRequest& chat) const;
};
/// Without loading weights. An error where the request names no model at all.
[[nodiscard]] Result<ModelText> openModelText(const LoadRequest& request,
                                              TokenizerStages stages = TokenizerStages::AsTransformers);

/// A context for `tokens` tokens: as many, or what the model was made for if that is less (or not known).
[[nodiscard]] std::uint32_t fitContext(const LoadRequest& request, std::uint64_t tokens);

/// A model in memory, ready to run. Sessions share it. Threads: const members may be called concurrently; generating is one
/// session at a time (a second one waits).
class Model {
 public:
  /// Reads what the plan keeps, in parallel, and reconstructs what is static; progress in bytes of final weights. What was read
  /// of a base is shared with `sibling` (another variant over the same base) instead of read again. Mismatch: a payload over
  /// another base, a config that contradicts the tensors.
  [[nodiscard]] static Result<std::shared_ptr<Model>> load(const LoadRequest& request, const JobContext& job,
                                                           const std::shared_ptr<Model>& sibling = nullptr);
  ~Model();

  [[nodiscard]] const LoadRequest& request() const;
  [[nodiscard]] const ModelConfig& config() const;
  [[nodiscard]] const MemoryPlan& plan() const;
  /// Of all devices together, siblings included; the peak, the sum of each one's, since this was loaded.
  [[nodiscard]] kernels::MemoryUse memory() const;
  /// Over the finals' names, shapes and hashes: equal for the same model.
  [[nodiscard]] std::string fingerprint() const;
  [[nodiscard]] kernels::DeviceMemoryUse deviceMemory() const;  ///< on the thread that generates
  [[nodiscard]] const std::vector<TokenId>& endIds() const;     ///< tokens that end an answer
  [[nodiscard]] const ModelText& text() const;
  [[nodiscard]] const ModelCompanions& companions() const;  ///< config, end tokens and text come from these

  struct State;

 private:
  explicit Model(std::unique_ptr<State> state);
  friend class Session;
  std::unique_ptr<State> m_state;
};

enum class StopReason : std::uint8_t { End, Length, Context, Cancelled };
[[nodiscard]] std::string_view nameOf(StopReason reason);  ///< "end", "length", "context", "cancelled"

struct TokenEvent {
  TokenId id = 0;
  std::string text;      ///< what can be shown now; may be empty
  double seconds = 0;    ///< since generate() began
  bool drafted = false;  ///< proposed before the exact pass that confirmed it
};

/// Where drafts come from: tokens that are proposed so that one exact pass judges several. The answer is the same without.
enum class DraftSource : std::uint8_t {
  Off,
  Auto,    ///< both, whichever pays more at the time, or none
  Base,    ///< the base that the model is rebuilt from, over the exact cache
  Lookup,  ///< what followed the last tokens where they stood before
};
[[nodiscard]] std::string_view nameOf(DraftSource source);  ///< "off", "auto", "base", "lookup"
[[nodiscard]] std::optional<DraftSource> draftSourceFromName(std::string_view name);

struct DraftRequest {
  DraftSource source = DraftSource::Off;
  std::uint32_t tokens = 0;  ///< drafts a pass, at most LoadRequest::draftTokens; 0: as many as pay, from what was measured
  /// For benchmarks: what is proposed instead of a draft of the base, which would be token number `place` of the answer. Called
  /// on the generating thread; empty: the draft.
  std::function<TokenId(std::size_t place, TokenId drafted)> instead = {};
};

struct GenerateRequest {
  std::vector<TokenId> prompt;
  std::uint32_t maxNewTokens = 256;
  Sampling sampling;
  DraftRequest draft;
  bool ignoreEnd = false;                                                 ///< go on past end tokens: for benchmarks
  std::function<void(const TokenEvent&)> onToken;                         ///< called on the generating thread
  std::function<void(std::uint32_t done, std::uint32_t total)> onPrompt;  ///< tokens of the prompt read so far
};

struct Generation {
  std::vector<TokenId> promptIds, ids;  ///< ids: with the end token, if it came
  std::string text;                     ///< without special tokens; empty without a tokenizer
  std::uint32_t reusedTokens = 0;       ///< of the prompt, still in the KV cache
  double promptSeconds = 0, decodeSeconds = 0;
  double tokensPerSecond = 0;  ///< of decoding: tokens after the first, over the time they took
  double timeToFirstTokenMs = 0;
  std::uint32_t drafted = 0, accepted = 0;  ///< drafts that an exact pass judged, and those that were right
  std::uint32_t rejected = 0;               ///< passes that came to a wrong draft; those behind it were not tried
  std::uint32_t exactPasses = 0;            ///< that gave the tokens after the first
  double draftSeconds = 0;                  ///< of decodeSeconds, making drafts
  double verifySeconds = 0;                 ///< of decodeSeconds, in the exact passes
  std::uint64_t peakMemoryBytes = 0;        ///< of the devices' accounted memory, siblings included, since the model was loaded
  std::vector<std::uint64_t> devicePeaks;   ///< of each device, the part of it
  std::uint64_t sidePeakBytes = 0;          ///< the same of this model alone, with what it shares: as if it had no siblings
  kernels::FeedUse streamed;  ///< deltas that came to a GPU while it decoded: bytes, time of copies, waiting for the host
  StopReason stopReason = StopReason::End;
  std::string logitsHash;  ///< hash128 over the logits of every sampled position, 32 hex digits
};

/// One conversation: what was said stays in the KV cache, and a prompt that begins with it is not read again. One caller at a
/// time.
class Session {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Session>> create(std::shared_ptr<Model> model);
  ~Session();
  /// A stop request is no error: what was generated until then comes back, with StopReason::Cancelled. After an error the
  /// session stays usable. InvalidArgument: an empty prompt, an id out of range, a prompt longer than the context; drafts from
  /// a base where none is in memory. Corrupt: weights that are no numbers, so that none comes of them.
  [[nodiscard]] Result<Generation> generate(const GenerateRequest& request, const std::stop_token& stop);
  /// Logits after the prompt's last token.
  [[nodiscard]] Result<std::vector<float>> logits(std::span<const TokenId> prompt, const std::stop_token& stop);
  void clear();  ///< forgets the conversation
  [[nodiscard]] const std::shared_ptr<Model>& model() const;

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> m_state;
};

}  // namespace deltascope
