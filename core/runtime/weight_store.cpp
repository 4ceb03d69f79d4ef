// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/weight_store.h"

#include <algorithm>
#include <map>

#include "core/base/ordered.h"
#include "core/pipeline/meter.h"
#include "core/runtime/forms/forms.h"
#include "core/runtime/forms/streams.h"
#include "core/runtime/load_gate.h"

namespace deltascope {
namespace {

using Held = std::unique_ptr<HeldWeight>;

const std::map<WeightRole, kernels::Matrix LayerWeights::*> kMatrices{
    {WeightRole::Query, &LayerWeights::query}, {WeightRole::Key, &LayerWeights::key},
    {WeightRole::Value, &LayerWeights::value}, {WeightRole::Output, &LayerWeights::output},
    {WeightRole::Gate, &LayerWeights::gate},   {WeightRole::Up, &LayerWeights::up},
    {WeightRole::Down, &LayerWeights::down}};
const std::map<WeightRole, VectorRef LayerWeights::*> kVectors{
    {WeightRole::InputNorm, &LayerWeights::inputNorm}, {WeightRole::PostNorm, &LayerWeights::postNorm},
    {WeightRole::QueryNorm, &LayerWeights::queryNorm}, {WeightRole::KeyNorm, &LayerWeights::keyNorm},
    {WeightRole::QueryBias, &LayerWeights::queryBias}, {WeightRole::KeyBias, &LayerWeights::keyBias},
    {WeightRole::ValueBias, &LayerWeights::valueBias}, {WeightRole::OutputBias, &LayerWeights::outputBias},
    {WeightRole::GateBias, &LayerWeights::gateBias},   {WeightRole::UpBias, &LayerWeights::upBias},
    {WeightRole::DownBias, &LayerWeights::downBias}};

VectorRef vectorOf(const HeldWeight& weight) {
  const kernels::Matrix matrix = weight.matrix();
  return {matrix.elements, matrix.type};
}

bool isEmbedding(const TensorOrigin& origin) { return origin.spec.role == WeightRole::Embedding; }

/// Of what tensors hold besides at a time, the most: loads go one by one where that is all there is.
std::uint64_t mostLoadBytes(const MemoryPlan& plan) {
  std::uint64_t most = 0;
  for (const auto& tensor : plan.tensors) most = std::max(most, tensor.loadBytes);
  return most;
}

}  // namespace

struct WeightStore::State {
  State(std::shared_ptr<Host> host, std::shared_ptr<Variant> variant) : place(std::move(host), std::move(variant)) {}

  FormPlace place;
  std::vector<Held> weights;  ///< by the variant's tensors
  WeightStreams streams{place};
  Reservation work;
  std::vector<LayerWeights> layers;
  std::vector<std::optional<std::size_t>> firstTurn;  ///< by layer: of its weights from the ring
  const HeldWeight* embedding = nullptr;
  const HeldWeight* finalNorm = nullptr;
  const HeldWeight* head = nullptr;

  Result<void> loadAll(const MemoryPlan& plan, const JobContext& job);
  Result<void> joinStreams();
  void arrange();
  void hand(const WeightSpec& spec, const HeldWeight& weight);
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

void WeightStore::State::hand(const WeightSpec& spec, const HeldWeight& weight) {
  if (const auto found = kMatrices.find(spec.role); found != kMatrices.end())
    layers[spec.layer].*found->second = weight.matrix();
  else if (const auto vector = kVectors.find(spec.role); vector != kVectors.end())
    layers[spec.layer].*vector->second = vectorOf(weight);
  else if (spec.role == WeightRole::Embedding)
    embedding = &weight;
  else
    (spec.role == WeightRole::FinalNorm ? finalNorm : head) = &weight;
}

void WeightStore::State::arrange() {
  layers.resize(place.variant->config.layers);
  firstTurn.resize(layers.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const WeightSpec& spec = place.variant->tensors[i].spec;
    hand(spec, *weights[i]);
    if (!kMatrices.contains(spec.role)) continue;
    const auto turn = weights[i]->turn();
    auto& first = firstTurn[spec.layer];
    if (turn && (!first || *turn < *first)) first = turn;
  }
  if (!head) head = embedding;
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
  return std::unique_ptr<WeightStore>(new WeightStore(std::move(state)));
}

Result<LayerWeights> WeightStore::layer(std::uint32_t index) {
  m_state->announce(m_state->firstTurn[index]);
  return m_state->layers[index];
}

kernels::FeedUse WeightStore::feedUse() const { return m_state->streams.feedUse(); }

bool WeightStore::repeatable() const { return m_state->streams.empty(); }

Result<kernels::Matrix> WeightStore::embedding() { return m_state->embedding->rows(); }

Result<VectorRef> WeightStore::finalNorm() { return vectorOf(*m_state->finalNorm); }

Result<kernels::Matrix> WeightStore::head() {
  m_state->announce(m_state->head->turn());
  return m_state->head->matrix();
}

kernels::Matrix WeightStore::matrix(std::size_t index) {
  const HeldWeight& weight = *m_state->weights[index];
  m_state->announce(weight.turn());
  return weight.matrix();
}

}  // namespace deltascope
