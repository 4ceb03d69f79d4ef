// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/base/units.h"
#include "core/model/kv_cache.h"
#include "core/model/processor_only.h"
#include "core/runtime/forms/forms.h"
#include "core/runtime/model_state.h"

namespace deltascope {
namespace {

constexpr std::uint32_t kUsualContext = 4096, kLeastContext = 512;
/// Of the free memory, where no budget is given.
constexpr double kFreeShare = 0.9;

Result<std::uint64_t> freeMemory(const std::string& device) {
  for (const auto& info : kernels::devices())
    if (info.id == device) return static_cast<std::uint64_t>(static_cast<double>(info.memoryFreeBytes) * kFreeShare);
  return fail(ErrorCode::NotFound, "there is no device " + printable(device), "see the list that devices prints");
}

std::vector<std::uint32_t> contextsOf(const LoadRequest& request, const ModelConfig& config) {
  if (request.context) return {request.context};
  std::vector<std::uint32_t> contexts{std::min(config.maxPositions, kUsualContext)};
  while (contexts.back() / 2 >= kLeastContext) contexts.push_back(contexts.back() / 2);
  return contexts;
}

std::vector<std::uint32_t> prefillsOf(const ModelConfig& config, double mostWork) {
  const double halfLayer = config.hidden * config.most([](const LayerConfig& layer) {
    const FeedForwardConfig& block = layer.feedForward;
    return std::max({block.intermediate * 3.0 * std::max(1u, block.chosen),
                     layer.attention.heads * 4.0 * layer.attention.headDim,
                     3.0 * static_cast<double>(layer.recurrent.channels())});
  });
  std::vector<std::uint32_t> tokens;
  for (std::uint32_t n = 512; n > 1; n /= 2)
    if (n * halfLayer <= mostWork) tokens.push_back(n);
  tokens.push_back(1);
  return tokens;
}

/// Logits that a pass gives: after its first token and after each draft.
std::uint32_t logitRows(std::uint32_t drafts, std::uint32_t passTokens) { return std::min(drafts + 1, passTokens); }

Result<std::shared_ptr<Host>> openHost(const LoadRequest& request, std::uint64_t budget) {
  kernels::BackendOptions options;
  options.device = request.device;
  options.threads = request.threads;
  options.compute = request.compute;
  options.memoryLimit = budget;
  DELTASCOPE_ASSIGN(auto backend, fromBackend(kernels::openBackend(options)));
  return std::make_shared<Host>(std::move(backend));
}

Result<MemoryPlan> planVariant(const LoadRequest& request, const Variant& variant, const Host& host, bool shared) {
  const ModelConfig& config = variant.config;
  if (request.context > config.maxPositions)
    return fail(ErrorCode::InvalidArgument, "a context of " + formatCount(request.context) + " tokens is more than the " +
                                                formatCount(config.maxPositions) + " that the model was made for");
  const std::uint32_t headDim = config.most([](const LayerConfig& layer) { return layer.attention.headDim; });
  if (const std::uint32_t most = host.backend().mostHeadDim(); headDim > most)
    return fail(ErrorCode::Unsupported,
                "the model's heads have " + formatCount(headDim) + " elements each; " + request.device +
                    " has room for at most " + formatCount(most),
                "use the device cpu");
  if (const auto what = onlyOnProcessor(config); host.backend().gpu() && !what.empty())
    return fail(ErrorCode::Unsupported,
                config.family + " does not run on " + request.device + " yet, which lacks " + std::string(what),
                "use the device cpu");
  PlanRequest plan = planRequest(variant, host.backend(), shared ? &host : nullptr);
  plan.device = request.device;
  plan.budgetGiven = request.memoryBudget.has_value();
  DELTASCOPE_ASSIGN(plan.budget,
                    request.memoryBudget ? Result<std::uint64_t>(*request.memoryBudget) : freeMemory(request.device));
  plan.staticThreshold = request.staticThreshold;
  plan.placement = request.placement;
  plan.threads = JobContext{{}, {}, request.threads}.threadCount();
  plan.contexts = contextsOf(request, config);
  plan.prefillTokens = prefillsOf(config, formsOf(host.backend()).mostWork);
  plan.expand = request.expand;
  plan.kvCacheBytes = [&](std::uint32_t context) { return KvCache::bytesFor(config, context, request.kvCacheType); };
  std::uint32_t drafts = std::min(request.draftTokens, kMostDrafts);
  plan.activationBytes = [&](std::uint32_t tokens) {
    return Transformer::activationBytes(config, tokens, logitRows(drafts, tokens));
  };
  plan.stateBytes = [&] { return RecurrentState::bytesFor(config, drafts); };
  auto made = makePlan(plan);
  if (!made && drafts > 0) {  // they save time, and no model is refused for them
    drafts = 0;
    made = makePlan(plan);
  }
  if (made) made->draftTokens = logitRows(drafts, made->prefillTokens) - 1;
  return made;
}

/// Of the bases that a sibling read, those that this variant uses too.
std::uint64_t sharedBytes(const Variant& variant, const MemoryPlan& plan, const Host& host) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < variant.tensors.size() && i < plan.tensors.size(); ++i) {
    const TensorOrigin& origin = variant.tensors[i];
    if (plan.tensors[i].placement == Placement::Static || origin.bottom == BaseKind::None || !variant.base) continue;
    if (host.holds(*variant.base, origin)) bytes += residentBaseBytes(origin);
  }
  return bytes;
}

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
  DELTASCOPE_ASSIGN(const auto host, openHost(request, 0));
  return planVariant(request, *variant, *host, false);
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
  if (shared) {
    state->host = sibling->m_state->host;
  } else {
    DELTASCOPE_ASSIGN(state->host, openHost(request, 0));
  }
  DELTASCOPE_ASSIGN(state->plan, planVariant(request, *state->variant, *state->host, shared));
  kernels::Backend& backend = state->host->backend();
  backend.memory().setLimit(state->plan.budget);
  if (shared) {
    backend.memory().resetPeak();
    state->shared = sharedBytes(*state->variant, state->plan, *state->host);
  }
  JobContext loading = job;
  if (request.threads) loading.threads = request.threads;
  DELTASCOPE_ASSIGN(state->store, WeightStore::load(state->host, state->variant, state->plan, loading));
  const std::lock_guard lock(state->host->running());
  const std::uint64_t scratch = state->plan.scratchBytes - state->plan.workBytes, unscratched = backend.memory().use().current;
  DELTASCOPE_TRY(fromBackend(backend.reserveScratch(scratch)));
  state->shared += scratch - std::min(scratch, backend.memory().use().current - unscratched);
  DELTASCOPE_ASSIGN(Transformer transformer, Transformer::create(backend, state->variant->config, *state->store,
                                                                 state->plan.prefillTokens, state->plan.draftTokens + 1));
  state->transformer = std::make_unique<Transformer>(std::move(transformer));
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
  const kernels::MemoryUse now = backend.memory().use();
  const std::uint64_t others = shared ? state->plan.heldBytes : 0;
  state->taken = now.current - std::min(now.current, others);
  state->peak = now.peak;
  state->sidePeak = now.peak - std::min(now.peak, others) + state->shared;
  return std::shared_ptr<Model>(new Model(std::move(state)));
}

Model::Model(std::unique_ptr<State> state) : m_state(std::move(state)) {}
Model::~Model() = default;

const LoadRequest& Model::request() const { return m_state->request; }
const ModelConfig& Model::config() const { return m_state->variant->config; }
const MemoryPlan& Model::plan() const { return m_state->plan; }
kernels::MemoryUse Model::memory() const {
  kernels::MemoryUse use = m_state->host->backend().memory().use();
  use.peak = std::max(use.peak, m_state->peak.load());
  return use;
}
std::string Model::fingerprint() const { return fingerprintOf(*m_state->variant); }
kernels::DeviceMemoryUse Model::deviceMemory() const { return m_state->host->backend().deviceMemory(); }
const std::vector<TokenId>& Model::endIds() const { return m_state->endIds; }
const ModelText& Model::text() const { return m_state->text; }
const ModelCompanions& Model::companions() const { return m_state->companions; }

}  // namespace deltascope
