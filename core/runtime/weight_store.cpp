// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/weight_store.h"

#include <algorithm>
#include <array>

#include "core/base/meter.h"
#include "core/base/ordered.h"
#include "core/runtime/arrangement.h"
#include "core/runtime/forms/forms.h"
#include "core/runtime/forms/streams.h"
#include "core/runtime/load_gate.h"

namespace deltascope {
namespace {

using Held = std::unique_ptr<HeldWeight>;

bool isEmbedding(const TensorOrigin& origin) { return origin.spec.role == WeightRole::Embedding; }

/// Of what tensors hold besides at a time, the most: loads go one by one where that is all there is.
std::uint64_t mostLoadBytes(const MemoryPlan& plan) {
  std::uint64_t most = 0;
  for (const auto& tensor : plan.tensors) most = std::max(most, tensor.loadBytes);
  return most;
}

/// Items of a feed that bring an expert's matrices, as products take them.
void addItems(const ExpertWeights& expert, std::vector<std::size_t>& items) {
  for (const kernels::Matrix* matrix : {&expert.gate, &expert.up, &expert.down})
    for (const auto& rows : matrix->feedRows) items.push_back(rows.item);
}

}  // namespace

struct WeightStore::State {
  State(std::shared_ptr<Host> host, std::shared_ptr<Variant> variant)
      : place(std::move(host), std::move(variant)), exact(place.variant->config) {}

  FormPlace place;
  std::vector<Held> weights;  ///< by the variant's tensors
  WeightStreams streams{place};
  Reservation work;
  Arrangement exact;
  std::optional<ArrangedWeights> base;  ///< empty where it is not in memory
  bool hasBase = false;                 ///< and another than the exact weights
  using Turn = std::optional<std::size_t>;
  std::vector<Turn> firstTurn;  ///< by layer: of its weights from the ring
  std::optional<std::size_t> headTurn;
  std::array<Turn, kWeightRoles> outsideTurn{};
  std::vector<std::optional<std::size_t>> firstFed;  ///< by layer: the first item of its experts in the feed

  Result<void> loadAll(const MemoryPlan& plan, const JobContext& job);
  Result<void> joinStreams();
  void arrange();
  void arrangeBase();
  void announce(std::optional<std::size_t> turn) {
    if (turn) streams.ring().seek(*turn);
  }
};

Result<void> WeightStore::State::loadAll(const MemoryPlan& plan, const JobContext& job) {
  // What a device's own memory holds besides comes from its account as it is taken.
  const std::uint64_t most = mostLoadBytes(plan);
  DELTASCOPE_ASSIGN(const auto loading, Reservation::take(place.host->sharedBackend(), plan.loadBytes - most, "loading"));
  LoadGate gate(most);
  const auto load = [&](std::size_t i) -> Result<Held> {
    DELTASCOPE_ASSIGN(const Form* const form, formsOf(place.host->backend()).named(plan.tensors[i].form));
    const LoadGate::Pass pass(gate, plan.tensors[i].loadBytes);
    return form->load(place.variant->tensors[i], place, job.stop);
  };
  std::uint64_t bytes = 0;
  for (const auto& tensor : plan.tensors) bytes += tensor.finalBytes;
  Meter meter(job);
  meter.setTotals(bytes, plan.tensors.size());
  meter.phase("loading");
  weights.resize(plan.tensors.size());
  const unsigned threads = job.threadCount();
  DELTASCOPE_TRY(runOrdered<Held>(plan.tensors.size(), threads, 2 * threads, job.stop, load,
                                  [&](std::size_t i, Held&& weight) -> Result<void> {
                                    weights[i] = std::move(weight);
                                    meter.add(plan.tensors[i].name, plan.tensors[i].finalBytes, true);
                                    return {};
                                  }));
  meter.finish();
  return {};
}

/// Of a tied embedding the product comes last.
Result<void> WeightStore::State::joinStreams() {
  for (const bool embeddings : {false, true})
    for (std::size_t i = 0; i < weights.size(); ++i)
      if (isEmbedding(place.variant->tensors[i]) == embeddings) DELTASCOPE_TRY(weights[i]->join(streams));
  return {};
}

void WeightStore::State::arrange() {
  firstTurn.resize(exact.layers.size());
  const HeldWeight *embedding = nullptr, *head = nullptr;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const WeightSpec& spec = place.variant->tensors[i].spec;
    exact.put(spec, weights[i]->matrix());
    if (spec.role == WeightRole::Embedding) embedding = weights[i].get();
    if (spec.role == WeightRole::Head) head = weights[i].get();
    if (spec.role == WeightRole::LayerEmbedding) exact.put(spec, weights[i]->rows());
    if (!rowOf(spec.role).layered) {
      outsideTurn[static_cast<std::size_t>(spec.role)] = weights[i]->turn();
      continue;
    }
    const auto turn = weights[i]->turn();
    Turn& first = firstTurn[spec.layer];
    if (turn && (!first || *turn < *first)) first = turn;
  }
  for (const auto& experts : exact.experts) {
    std::vector<std::size_t> items;
    for (const auto& expert : experts) addItems(expert, items);
    firstFed.push_back(items.empty() ? std::nullopt : std::optional(items.front()));
  }
  if (!head) head = embedding;
  if (embedding) exact.embedding = embedding->rows();
  if (!head) return;  // one weight alone, for measurements
  exact.head = head->matrix();
  headTurn = head->turn();
}

/// Beside each weight its base, where it is there. What has none is the exact one, unless it comes anew for each pass: then
/// there is no base to run.
void WeightStore::State::arrangeBase() {
  Arrangement arranged(place.variant->config);
  bool tied = true;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const WeightSpec& spec = place.variant->tensors[i].spec;
    const auto own = weights[i]->base();
    if (!own && weights[i]->comesAgain()) return;
    hasBase |= own && !place.variant->tensors[i].steps.empty();
    tied &= spec.role != WeightRole::Head;
    arranged.put(spec, own ? *own : weights[i]->matrix());
  }
  if (tied) arranged.head = arranged.embedding;
  arranged.embedding = exact.embedding;
  arranged.outside.of(WeightRole::LayerEmbedding) = exact.outside.of(WeightRole::LayerEmbedding);
  base.emplace(std::move(arranged));
}

WeightStore::WeightStore(std::unique_ptr<State> state) : m_state(std::move(state)) {}
WeightStore::~WeightStore() = default;

Result<std::unique_ptr<WeightStore>> WeightStore::load(std::shared_ptr<Host> host, std::shared_ptr<Variant> variant,
                                                       const MemoryPlan& plan, const JobContext& job) {
  auto state = std::make_unique<State>(std::move(host), std::move(variant));
  DELTASCOPE_TRY(state->loadAll(plan, job));
  const Variant& from = *state->place.variant;
  const bool needed = from.keepScales || std::ranges::any_of(state->weights, [](const Held& w) { return w->readsFiles(); });
  if (from.base && !needed) from.base->dropScales();
  const auto& backend = state->place.host->sharedBackend();
  DELTASCOPE_ASSIGN(state->work, Reservation::take(backend, plan.workBytes, "scratch for decoding"));
  DELTASCOPE_TRY(fromBackend(backend->synchronize()));
  DELTASCOPE_TRY(state->joinStreams());
  DELTASCOPE_TRY(state->streams.start(job.threadCount(), plan.streamBytes));
  state->arrange();
  state->arrangeBase();
  return std::unique_ptr<WeightStore>(new WeightStore(std::move(state)));
}

Result<const LayerWeights*> WeightStore::layer(std::uint32_t index) {
  m_state->announce(m_state->firstTurn[index]);
  return &m_state->exact.layers[index];
}

Result<const ExpertWeights*> WeightStore::expert(std::uint32_t layer, std::uint32_t index) {
  return &m_state->exact.experts[layer][index];
}

void WeightStore::choose(std::uint32_t layer, std::span<const std::uint32_t> experts) {
  const auto first = m_state->firstFed[layer];
  if (!first) return;
  std::vector<std::size_t> items;
  for (const std::uint32_t expert : experts) addItems(m_state->exact.experts[layer][expert], items);
  m_state->streams.feed()->choose(*first, items);
}

Weights* WeightStore::base() { return m_state->base ? &*m_state->base : nullptr; }

bool WeightStore::hasBase() const { return m_state->base && m_state->hasBase; }

bool WeightStore::readsFiles() const {
  return std::ranges::any_of(m_state->weights, [](const Held& weight) { return weight->readsFiles(); });
}

kernels::FeedUse WeightStore::feedUse() const { return m_state->streams.feedUse(); }

bool WeightStore::repeatable() const { return m_state->streams.empty(); }

Result<kernels::Matrix> WeightStore::embedding() { return m_state->exact.embedding; }

Result<VectorRef> WeightStore::finalNorm() { return m_state->exact.finalNorm; }

Result<kernels::Matrix> WeightStore::outside(WeightRole role) {
  m_state->announce(m_state->outsideTurn[static_cast<std::size_t>(role)]);
  return m_state->exact.outside.of(role);
}

Result<kernels::Matrix> WeightStore::head() {
  m_state->announce(m_state->headTurn);
  return m_state->exact.head;
}

kernels::Matrix WeightStore::matrix(std::size_t index) {
  const HeldWeight& weight = *m_state->weights[index];
  m_state->announce(weight.turn());
  return weight.matrix();
}

}  // namespace deltascope
