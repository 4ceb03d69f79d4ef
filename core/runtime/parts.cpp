// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/parts.h"

#include <algorithm>
#include <numeric>

#include "core/base/units.h"
#include "core/model/kv_cache.h"
#include "core/model/processor_only.h"
#include "core/model/transformer.h"
#include "core/runtime/device_list.h"
#include "core/runtime/forms/forms.h"
#include "core/runtime/split.h"

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

const std::string& idOf(const std::shared_ptr<Host>& host) { return host->backend().device().id; }

/// Of each host, its share; a device that is named several times is free once.
Result<std::vector<std::uint64_t>> budgetsOf(const LoadRequest& request, std::span<const std::shared_ptr<Host>> hosts) {
  std::vector<std::uint64_t> budgets;
  for (const auto& host : hosts) {
    if (request.memoryBudget) {
      budgets.push_back(*request.memoryBudget / hosts.size());
      continue;
    }
    const auto named = std::ranges::count_if(hosts, [&](const auto& other) { return idOf(other) == idOf(host); });
    DELTASCOPE_ASSIGN(const std::uint64_t free, freeMemory(idOf(host)));
    budgets.push_back(free / static_cast<std::uint64_t>(named));
  }
  return budgets;
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

Result<void> checkRuns(const ModelConfig& config, kernels::Backend& backend) {
  const std::string& device = backend.device().id;
  const std::uint32_t headDim = config.most([](const LayerConfig& layer) { return layer.attention.headDim; });
  if (const std::uint32_t most = backend.mostHeadDim(); headDim > most)
    return fail(ErrorCode::Unsupported,
                "the model's heads have " + formatCount(headDim) + " elements each; " + device + " has room for at most " +
                    formatCount(most),
                "use the device cpu");
  if (const auto what = onlyOnProcessor(config); backend.gpu() && !what.empty())
    return fail(ErrorCode::Unsupported, config.family + " does not run on " + device + " yet, which lacks " + std::string(what),
                "use the device cpu");
  return {};
}

/// What a layer reads besides the one before it lies on that one's device.
Result<void> checkParts(const ModelConfig& config) {
  const bool shares =
      std::ranges::any_of(config.layers, [](const LayerConfig& layer) { return layer.attention.keysOf.has_value(); });
  if (!shares && config.layerInputs == 0) return {};
  return fail(ErrorCode::Unsupported,
              config.family + (shares ? " with layers that share keys and values" : " with inputs of each layer") +
                  " does not run on several devices yet",
              "name one device");
}

/// Whether it has the model's last layer, and the head with it.
bool readsOut(const ModelPart& part, const ModelParts& all) {
  return std::ranges::all_of(all, [&](const ModelPart& other) { return other.layers.back() <= part.layers.back(); });
}

/// Whether products wait for the host.
bool streams(const ModelPart& part) {
  const auto& tensors = part.variant->tensors;
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (part.plan.tensors[i].placement == Placement::Stream && !isLookedUp(tensors[i], *part.variant)) return true;
  return false;
}

/// Of its layers, what the files hold of the deltas of the one with most.
double mostDeltaBytes(const Variant& variant) {
  std::vector<std::uint64_t> bytes(variant.config.layerCount());
  for (const auto& origin : variant.tensors)
    if (rowOf(origin.spec.role).layered) bytes[origin.spec.layer] += storedDeltaBytes(origin);
  return static_cast<double>(std::ranges::max(bytes));
}

/// Layers whose deltas have room in a GPU's ring while others compute: the most that has room for all else.
constexpr double kLayersAhead[] = {1, 0.25, 0};

/// Whether a plan has less room for a text, or for drafts, than another has.
bool costsMore(const MemoryPlan& plan, const MemoryPlan& other) {
  return plan.context < other.context || plan.draftTokens < other.draftTokens;
}

/// Plans of parts that agree.
class PartsPlanner {
 public:
  /// `layersAhead`: what comes of streamed layers beside what products wait for.
  PartsPlanner(const LoadRequest& request, ModelParts& parts, std::span<const std::uint64_t> budgets, double layersAhead,
               bool shared)
      : m_request(request), m_parts(parts) {
    for (auto& part : parts) {
      const ModelConfig& config = part.variant->config;
      PlanRequest plan = planRequest(*part.variant, part.backend(), shared ? part.host.get() : nullptr);
      plan.device = part.backend().device().id;
      plan.budgetGiven = request.memoryBudget.has_value();
      plan.budget = budgets[m_plans.size()];
      plan.staticThreshold = request.staticThreshold;
      plan.placement = request.placement;
      plan.threads = JobContext{{}, {}, request.threads}.threadCount();
      auto prefills = prefillsOf(config, formsOf(part.backend()).mostWork);
      if (m_prefills.empty() || prefills.size() < m_prefills.size()) m_prefills = std::move(prefills);
      plan.expand = request.expand;
      plan.loadFixedBytes /= parts.size();  // what all are read from is there once
      if (plan.streamBytes && layersAhead > 0)
        plan.streamBytes = [least = plan.streamBytes, ahead = layersAhead * mostDeltaBytes(*part.variant)](
                               std::uint64_t piece) { return least(piece) + static_cast<std::uint64_t>(ahead); };
      plan.kvCacheBytes = [&](std::uint32_t context) { return KvCache::bytesFor(config, context, m_request.kvCacheType); };
      plan.activationBytes = [&, reads = readsOut(part, parts)](std::uint32_t tokens) {
        return Transformer::activationBytes(config, tokens, reads ? logitRows(m_drafts, tokens) : 0);
      };
      plan.stateBytes = [&] { return RecurrentState::bytesFor(config, m_drafts); };
      m_plans.push_back(std::move(plan));
    }
    m_contexts = contextsOf(request, parts.front().variant->config);
  }

  Result<void> run() {
    m_drafts = std::min(m_request.draftTokens, kMostDrafts);
    auto planned = choose();
    if (!planned && m_drafts > 0) {  // they save time, and no model is refused for them
      m_drafts = 0;
      planned = choose();
    }
    if (!planned) return tl::make_unexpected(explain(planned.error()));
    for (auto& part : m_parts) {
      part.plan.draftTokens = logitRows(m_drafts, part.plan.prefillTokens) - 1;
      part.plan.layers = part.layers;
    }
    return {};
  }

 private:
  /// The largest context that all have room for.
  Result<void> choose() {
    Result<void> planned;
    for (const std::uint32_t context : m_contexts)
      if (planned = planFor(context); planned) return planned;
    return planned;
  }

  Result<void> planFor(std::uint32_t context) {
    std::vector<std::uint32_t> prefills = m_prefills;
    for (bool again = true; again;) {
      again = false;
      for (std::size_t i = 0; i < m_plans.size(); ++i) {
        m_plans[i].contexts = {context};
        m_plans[i].prefillTokens = prefills;
        DELTASCOPE_ASSIGN(m_parts[i].plan, makePlan(m_plans[i]));
        const std::uint32_t tokens = m_parts[i].plan.prefillTokens;
        if (tokens == prefills.front()) continue;
        std::erase_if(prefills, [&](std::uint32_t more) { return more > tokens; });
        again |= i > 0;  // those before are to read no more at a time
      }
    }
    return {};
  }

  /// Shares that are too small, by their sum.
  Error explain(Error error) {
    if (m_parts.size() == 1 || !m_request.memoryBudget || error.code != ErrorCode::InvalidArgument) return error;
    std::uint64_t least = 0;
    for (auto request : m_plans) {
      request.budget = ~std::uint64_t{0} / 2;
      request.contexts = {m_contexts.back()};
      request.prefillTokens = {1};
      if (const auto plan = makePlan(request)) least = std::max(least, plan->smallestBudget);
    }
    least *= m_parts.size();
    error.message = "a memory budget of " + formatGib(*m_request.memoryBudget) + " (" +
                    std::to_string(*m_request.memoryBudget) + " bytes) in equal shares for " + formatCount(m_parts.size()) +
                    " devices is too small";
    error.hint = "the smallest that works with a context of " + std::to_string(m_contexts.back()) + " tokens is " +
                 formatGib(least) + " (" + std::to_string(least) + " bytes)";
    return error;
  }

  const LoadRequest& m_request;
  ModelParts& m_parts;
  std::vector<PlanRequest> m_plans;
  std::vector<std::uint32_t> m_contexts, m_prefills;  ///< as in PlanRequest
  std::uint32_t m_drafts = 0;
};

}  // namespace

Result<std::vector<std::shared_ptr<Host>>> openHosts(const LoadRequest& request) {
  DELTASCOPE_ASSIGN(const auto devices, findDevices(request.device));
  std::vector<std::shared_ptr<Host>> hosts;
  for (const auto& device : devices) {
    kernels::BackendOptions options;
    options.device = device;
    options.threads = request.threads;
    options.compute = request.compute;
    DELTASCOPE_ASSIGN(auto backend, fromBackend(kernels::openBackend(options)));
    hosts.push_back(std::make_shared<Host>(std::move(backend)));
  }
  return hosts;
}

Result<ModelParts> planParts(const LoadRequest& request, const std::shared_ptr<Variant>& whole,
                             std::span<const std::shared_ptr<Host>> hosts, bool shared) {
  const ModelConfig& config = whole->config;
  if (request.context > config.maxPositions)
    return fail(ErrorCode::InvalidArgument, "a context of " + formatCount(request.context) + " tokens is more than the " +
                                                formatCount(config.maxPositions) + " that the model was made for");
  for (const auto& host : hosts) DELTASCOPE_TRY(checkRuns(config, host->backend()));
  if (hosts.size() > 1) DELTASCOPE_TRY(checkParts(config));
  DELTASCOPE_ASSIGN(const auto budgets, budgetsOf(request, hosts));
  const auto planned = [&](const LayerDeal& deal, double layersAhead) -> Result<ModelParts> {
    const auto variants = split(whole, deal);
    ModelParts parts;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      ModelPart& part = parts.emplace_back();
      part.host = hosts[i];
      part.variant = variants[i];
      part.layers = deal[i];
    }
    DELTASCOPE_TRY(PartsPlanner(request, parts, budgets, layersAhead, shared).run());
    return parts;
  };
  DELTASCOPE_ASSIGN(const LayerDeal rows, dealInRows(*whole, budgets));
  auto parts = planned(rows, 0);
  if (hosts.size() == 1 || !parts || !std::ranges::any_of(*parts, streams)) return parts;
  const LayerDeal turns = dealInTurn(config.layerCount(), hosts.size());
  for (const double layersAhead : kLayersAhead) {
    auto inTurn = planned(turns, layersAhead);
    if (!inTurn || costsMore(inTurn->front().plan, parts->front().plan)) continue;
    for (std::size_t i = 0; i < hosts.size(); ++i) (*inTurn)[i].plan.smallestBudget = (*parts)[i].plan.smallestBudget;
    return inTurn;
  }
  return parts;
}

MemoryPlan planOfAll(const LoadRequest& request, const ModelParts& parts) {
  MemoryPlan all = parts.front().plan;
  if (parts.size() == 1) return all;
  all.device = request.device;
  std::uint64_t smallest = 0;
  for (const auto& part : parts) {
    const MemoryPlan& one = all.devices.emplace_back(part.plan);
    smallest = std::max(smallest, one.smallestBudget);
    if (&part == &parts.front()) continue;
    all.tensors.insert(all.tensors.end(), one.tensors.begin(), one.tensors.end());
    all.layers.insert(all.layers.end(), one.layers.begin(), one.layers.end());
    for (const auto bytes : {&MemoryPlan::budget, &MemoryPlan::weightBytes, &MemoryPlan::kvCacheBytes, &MemoryPlan::stateBytes,
                             &MemoryPlan::activationBytes, &MemoryPlan::scratchBytes, &MemoryPlan::streamBytes,
                             &MemoryPlan::workBytes, &MemoryPlan::loadBytes, &MemoryPlan::heldBytes, &MemoryPlan::expectedPeak})
      all.*bytes += one.*bytes;
  }
  if (request.memoryBudget) all.budget = *request.memoryBudget;
  all.smallestBudget = smallest * parts.size();
  std::ranges::sort(all.layers);
  return all;
}

}  // namespace deltascope
