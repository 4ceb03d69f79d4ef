// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/base/meter.h"
#include "core/runtime/model_state.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kUsualContext = 4096;

/// Of the bases that a sibling read, those that this variant uses too.
std::uint64_t sharedBytes(const ModelPart& part) {
  const Variant& variant = *part.variant;
  const MemoryPlan& plan = part.plan;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < variant.tensors.size() && i < plan.tensors.size(); ++i) {
    const TensorOrigin& origin = variant.tensors[i];
    if (plan.tensors[i].placement == Placement::Static || origin.bottom == BaseKind::None || !variant.base) continue;
    if (part.host->holds(*variant.base, origin)) bytes += residentBaseBytes(origin);
  }
  return bytes;
}

/// The same of the scratch that is reserved: what was there already.
Result<std::uint64_t> reserveScratch(const ModelPart& part) {
  const std::uint64_t scratch = part.plan.scratchBytes - part.plan.workBytes, before = part.account().use().current;
  DELTASCOPE_TRY(fromBackend(part.backend().reserveScratch(scratch)));
  return scratch - std::min(scratch, part.account().use().current - before);
}

/// Progress of one part after another, as of one whole.
class PartsProgress {
 public:
  PartsProgress(const ModelParts& parts, const JobContext& job) : m_job(job) {
    for (const auto& part : parts) m_tensors += part.plan.tensors.size();
    for (const auto& part : parts)
      for (const auto& tensor : part.plan.tensors) m_bytes += tensor.finalBytes;
  }
  [[nodiscard]] JobContext of(const ModelPart& part, unsigned threads) {
    JobContext job{m_job.stop, {}, threads};
    if (m_job.progress)
      job.progress = [this, first = m_first](Progress progress) {
        progress.bytesDone += first.bytesDone;
        progress.tensorsDone += first.tensorsDone;
        progress.bytesTotal = m_bytes;
        progress.tensorsTotal = m_tensors;
        progress.seconds = m_meter.seconds();
        m_job.progress(progress);
      };
    for (const auto& tensor : part.plan.tensors) m_first.bytesDone += tensor.finalBytes;
    m_first.tensorsDone += part.plan.tensors.size();
    return job;
  }

 private:
  const JobContext& m_job;
  const Meter m_meter{m_job};
  Progress m_first;  ///< of the parts before
  std::uint64_t m_bytes = 0, m_tensors = 0;
};

}  // namespace

Result<std::vector<TokenId>> ModelText::encode(std::string_view text) const {
  if (!tokenizer) return tl::make_unexpected(tokenizer.error());
  return tokenizer->encode(text, true);
}

Result<std::vector<TokenId>> ModelText::encode(const ChatRequest& chat) const {
  if (!tokenizer) return tl::make_unexpected(tokenizer.error());
  if (!chatTemplate) return tl::make_unexpected(chatTemplate.error());
  DELTASCOPE_ASSIGN(const RenderedPrompt prompt, chatTemplate->render(chat));
  return tokenizer->encode(prompt.segments(), false);
}

Result<ModelText> openModelText(const LoadRequest& request, TokenizerStages stages) {
  DELTASCOPE_ASSIGN(const auto files, openCompanions(request));
  return ModelText{Tokenizer::open(*files, stages), ChatTemplate::open(*files, request.chatTemplate)};
}

std::uint32_t fitContext(const LoadRequest& request, std::uint64_t tokens) {
  const auto files = openCompanions(request);
  const auto config = files ? readModelConfig(**files) : tl::make_unexpected(files.error());
  const std::uint64_t most = config ? config->maxPositions : kUsualContext;
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(tokens, 1, most));
}

Result<MemoryPlan> planModel(const LoadRequest& request) {
  DELTASCOPE_ASSIGN(const auto variant, openVariant(request, ScaleReading::CheckOnly));
  DELTASCOPE_ASSIGN(const auto hosts, openHosts(request));
  DELTASCOPE_ASSIGN(const auto parts, planParts(request, variant, hosts, false));
  return planOfAll(request, parts);
}

Result<std::shared_ptr<Model>> Model::load(const LoadRequest& request, const JobContext& job,
                                           const std::shared_ptr<Model>& sibling) {
  const bool shared = sibling && sibling->request().device == request.device && sibling->request().threads == request.threads &&
                      sibling->request().compute == request.compute;
  auto state = std::make_unique<State>();
  state->request = request;
  state->request.folder = nullptr;  // files that are open need not stay so
  state->request.text = nullptr;
  DELTASCOPE_ASSIGN(state->variant, openVariant(request, ScaleReading::Read));
  std::vector<std::shared_ptr<Host>> hosts;
  if (shared) {
    for (const auto& part : sibling->m_state->parts) hosts.push_back(part.host);
  } else {
    DELTASCOPE_ASSIGN(hosts, openHosts(request));
  }
  DELTASCOPE_ASSIGN(state->parts, planParts(request, state->variant, hosts, shared));
  state->plan = planOfAll(request, state->parts);
  DELTASCOPE_TRY(state->loadParts(job, shared));
  const StackedCompanions& files = *state->variant->files;
  DELTASCOPE_ASSIGN(state->endIds, readEndIds(files, state->variant->config));
  if (request.text && request.folder && &files == request.folder->companions().get())
    state->text = *request.text;
  else
    state->text = {Tokenizer::open(files), ChatTemplate::open(files, request.chatTemplate)};
  state->companions = companionsUsed(files, !state->variant->payloads.empty());
  files.forget();
  auto& note = state->companions.note;
  if (!state->variant->note.empty()) note += (note.empty() ? "" : "; ") + state->variant->note;
  for (auto& part : state->parts) part.memory.loaded(part.account().use(), shared ? part.plan.heldBytes : 0, part.shared);
  return std::shared_ptr<Model>(new Model(std::move(state)));
}

Result<void> Model::State::loadParts(const JobContext& job, bool beside) {
  PartsProgress progress(parts, job);
  for (auto& part : parts) {
    part.account().setLimit(part.plan.budget);
    if (beside) {
      part.account().resetPeak();
      part.shared = sharedBytes(part);
    }
    const JobContext loading = progress.of(part, request.threads ? request.threads : job.threads);
    DELTASCOPE_ASSIGN(part.store, WeightStore::load(part.host, part.variant, part.plan, loading));
  }
  if (parts.size() > 1 && variant->base && !variant->keepScales &&
      std::ranges::none_of(parts, [](const ModelPart& part) { return part.store->readsFiles(); }))
    variant->base->dropScales();
  const std::lock_guard lock(running());
  std::vector<DeviceLayers> devices;
  for (auto& part : parts) {
    DELTASCOPE_ASSIGN(const std::uint64_t reserved, reserveScratch(part));
    part.shared += reserved;
    devices.push_back({&part.backend(), &part.variant->config, part.store.get(), part.layers});
  }
  DELTASCOPE_ASSIGN(Transformer made, Transformer::create(devices, plan.prefillTokens, plan.draftTokens + 1));
  transformer = std::make_unique<Transformer>(std::move(made));
  return {};
}

std::vector<Weights*> Model::State::bases() const {
  std::vector<Weights*> bases;
  for (const auto& part : parts) bases.push_back(part.store->base());
  const bool there = std::ranges::none_of(bases, [](const Weights* base) { return !base; });
  if (!there || std::ranges::none_of(parts, [](const ModelPart& part) { return part.store->hasBase(); })) bases.clear();
  return bases;
}

kernels::FeedUse Model::State::feedUse() const {
  kernels::FeedUse all;
  for (const auto& part : parts) {
    const kernels::FeedUse one = part.store->feedUse();
    all.bytesCopied += one.bytesCopied;
    all.copySeconds += one.copySeconds;
    all.waitSeconds += one.waitSeconds;
  }
  return all;
}

Model::Model(std::unique_ptr<State> state) : m_state(std::move(state)) {}
Model::~Model() = default;

const LoadRequest& Model::request() const { return m_state->request; }
const ModelConfig& Model::config() const { return m_state->variant->config; }
const MemoryPlan& Model::plan() const { return m_state->plan; }
kernels::MemoryUse Model::memory() const {
  kernels::MemoryUse all;
  for (const auto& part : m_state->parts) {
    const kernels::MemoryUse use = part.account().use();
    all.current += use.current;
    all.peak += std::max(use.peak, part.memory.peak());
    all.limit += use.limit;
  }
  return all;
}
std::string Model::fingerprint() const { return fingerprintOf(*m_state->variant); }
kernels::DeviceMemoryUse Model::deviceMemory() const {
  kernels::DeviceMemoryUse all;
  std::vector<std::string> seen;  // a device may be named twice
  for (const auto& part : m_state->parts) {
    const std::string& id = part.backend().device().id;
    if (std::ranges::find(seen, id) != seen.end()) continue;
    seen.push_back(id);
    kernels::DeviceMemoryUse use = part.backend().deviceMemory();
    all.total += use.total;
    all.free += use.free;
    all.own += use.own;
    all.source = std::move(use.source);
  }
  return all;
}
const std::vector<TokenId>& Model::endIds() const { return m_state->endIds; }
const ModelText& Model::text() const { return m_state->text; }
const ModelCompanions& Model::companions() const { return m_state->companions; }

}  // namespace deltascope
