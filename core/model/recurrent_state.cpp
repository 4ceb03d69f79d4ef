// SPDX-License-Identifier: Apache-2.0
#include "core/model/recurrent_state.h"

#include <algorithm>
#include <utility>

#include "core/base/failure.h"

namespace deltascope {
namespace {

std::uint64_t tailFloats(const RecurrentConfig& net) { return (net.kernel - 1) * net.channels(); }

std::uint32_t snapshots(std::uint32_t mostDrafts) { return mostDrafts > 0 ? 4 : 3; }

/// Inputs are kept of passes that judge drafts: these and the token before them.
std::uint32_t keptInputs(std::uint32_t mostDrafts) { return mostDrafts > 0 ? mostDrafts + 1 : 0; }

}  // namespace

std::uint64_t RecurrentState::bytesFor(const ModelConfig& config, std::uint32_t mostDrafts) {
  std::uint64_t floats = 0;
  for (const auto& layer : config.layers) {
    if (!layer.isRecurrent()) continue;
    const RecurrentConfig& net = layer.recurrent;
    floats += snapshots(mostDrafts) * (net.stateFloats() + tailFloats(net));
    floats += keptInputs(mostDrafts) * (net.channels() + std::uint64_t{2} * net.valueHeads);
  }
  return floats * sizeof(float);
}

Result<RecurrentState> RecurrentState::create(kernels::Backend& backend, const ModelConfig& config, std::uint32_t mostDrafts) {
  RecurrentState all;
  all.m_backend = &backend;
  all.m_most = keptInputs(mostDrafts);
  DELTASCOPE_ASSIGN(all.m_memory, fromBackend(backend.allocate(bytesFor(config, mostDrafts), "the recurrent state")));
  auto* memory = all.m_memory.as<float>();
  const auto take = [&](std::uint64_t floats) { return std::exchange(memory, memory + floats); };
  for (const auto& of : config.layers) {
    Layer layer;
    layer.config = of.recurrent;
    if (of.isRecurrent()) {
      const RecurrentConfig& net = of.recurrent;
      for (Snapshot* snapshot : {&layer.settled, &layer.live, &layer.mark, &layer.draft}) {
        if (snapshot == &layer.draft && mostDrafts == 0) continue;
        snapshot->state = take(net.stateFloats());
        snapshot->tail = take(tailFloats(net));
      }
      layer.inputs = take(all.m_most * net.channels());
      layer.decay = take(std::uint64_t{all.m_most} * net.valueHeads);
      layer.strength = take(std::uint64_t{all.m_most} * net.valueHeads);
      layer.settled.at = 0;
    }
    all.m_layers.push_back(layer);
  }
  return all;
}

bool RecurrentState::reaches(const Layer& layer, std::uint32_t length) {
  if (layer.config.valueHeads == 0 || layer.live.at == length) return true;
  return length >= layer.settled.at && length - layer.settled.at <= layer.logged;
}

bool RecurrentState::allReach(std::uint32_t length) const {
  return std::ranges::all_of(m_layers, [&](const Layer& layer) { return reaches(layer, length); });
}

std::uint32_t RecurrentState::reachable(std::uint32_t length) const {
  if (allReach(length)) return length;
  std::uint32_t best = 0;
  const auto recurrent = std::ranges::find_if(m_layers, [](const Layer& layer) { return layer.config.valueHeads > 0; });
  for (const std::uint32_t at : {recurrent->settled.at, recurrent->mark.at})
    if (at <= length && at > best && (at == recurrent->mark.at || allReach(at))) best = at;
  return best;
}

void RecurrentState::stepBack(std::uint32_t length) {
  m_wanted = kNowhere;
  const bool reached = allReach(length);
  for (auto& layer : m_layers) {
    const RecurrentConfig& net = layer.config;
    if (net.valueHeads == 0) continue;
    layer.draft.at = kNowhere;
    if (layer.mark.at != kNowhere && layer.mark.at > length) layer.mark.at = kNowhere;
    if (reached) continue;
    if (layer.mark.at == length) {
      m_backend->copyOnDevice(layer.settled.state, layer.mark.state, net.stateFloats() * sizeof(float));
      m_backend->copyOnDevice(layer.settled.tail, layer.mark.tail, tailFloats(net) * sizeof(float));
    }
    layer.settled.at = length;
    layer.live.at = kNowhere;
    layer.logged = 0;
  }
}

void RecurrentState::passed(std::uint32_t length) {
  if (m_wanted > length) return;
  for (auto& layer : m_layers)
    if (std::exchange(layer.marking, false)) layer.mark.at = m_wanted;
  m_wanted = kNowhere;
}

RecurrentState::Step RecurrentState::begin(std::uint32_t index, std::uint32_t length, std::uint32_t tokens, bool drafting) {
  Layer& layer = m_layers[index];
  layer.length = length;
  layer.drafting = drafting;
  Step step;
  const Snapshot* from = &layer.settled;
  if (drafting && layer.draft.at == length)
    from = &layer.draft;
  else if (drafting && layer.live.at == length)
    from = &layer.live;
  else if (layer.live.at == length) {
    std::swap(layer.settled, layer.live);
    layer.live.at = kNowhere;
    layer.logged = 0;
  }
  if (from == &layer.settled) {
    step.again = length - layer.settled.at;
    step.inputs = layer.inputs;
    step.decay = layer.decay;
    step.strength = layer.strength;
  }
  const bool fresh = from->at == 0;
  step.from = fresh ? nullptr : from->state;
  step.tail = fresh ? nullptr : from->tail;
  step.into = drafting ? layer.draft.state : layer.live.state;
  if (drafting) return step;
  layer.marking = m_wanted > length && m_wanted - length <= tokens;
  if (layer.marking) {
    layer.mark.at = kNowhere;
    step.kept = layer.mark.state;
    step.keepAfter = m_wanted - layer.settled.at;
  } else if (step.again > 0) {
    step.kept = layer.settled.state;
    step.keepAfter = step.again;
  }
  return step;
}

void RecurrentState::done(std::uint32_t index, const Step& step, const Inputs& inputs, std::uint32_t tokens) {
  Layer& layer = m_layers[index];
  const RecurrentConfig& net = layer.config;
  const auto copy = [&](float* into, const float* from, std::uint64_t floats) {
    m_backend->copyOnDevice(into, from, floats * sizeof(float));
  };
  const auto copyTail = [&](Snapshot& into, std::uint32_t after) {
    copy(into.tail, inputs.rows + after * net.channels(), tailFloats(net));
  };
  Snapshot& last = layer.drafting ? layer.draft : layer.live;
  copyTail(last, step.again + tokens);
  last.at = layer.length + tokens;
  if (layer.drafting) return;
  layer.draft.at = kNowhere;
  if (layer.marking) {
    copyTail(layer.mark, step.keepAfter);
    if (step.again > 0) return;  // what is settled stays, with the inputs behind it
  } else if (step.again > 0) {
    copyTail(layer.settled, step.again);
    layer.settled.at = layer.length;
  }
  layer.logged = tokens <= m_most ? tokens : 0;
  const std::uint64_t first = std::uint64_t{net.kernel} - 1 + step.again, heads = net.valueHeads;
  copy(layer.inputs, inputs.rows + first * net.channels(), layer.logged * net.channels());
  copy(layer.decay, inputs.decay + step.again * heads, layer.logged * heads);
  copy(layer.strength, inputs.strength + step.again * heads, layer.logged * heads);
}

}  // namespace deltascope
