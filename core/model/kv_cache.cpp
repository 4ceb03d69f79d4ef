// SPDX-License-Identifier: Apache-2.0
#include "core/model/kv_cache.h"

#include <algorithm>
#include <atomic>
#include <iterator>

#include "core/base/failure.h"

namespace deltascope {

namespace {

/// Of a layer's keys, and of its values.
std::uint64_t bytesOf(const LayerConfig& layer, std::uint32_t capacity, kernels::ElementType type) {
  if (layer.attention.keysOf) return 0;
  return std::uint64_t{layer.attention.kvHeads} * layer.attention.headDim * kernels::bytesOf(type) * capacity;
}

}  // namespace

std::uint64_t KvCache::bytesFor(const ModelConfig& config, std::uint32_t capacity, kernels::ElementType type) {
  std::uint64_t bytes = 0;
  for (const auto& layer : config.layers) bytes += 2 * bytesOf(layer, capacity, type);
  return bytes;
}

Result<KvCache> KvCache::create(kernels::Backend& backend, const ModelConfig& config, std::uint32_t capacity,
                                kernels::ElementType type, std::uint32_t mostDrafts) {
  KvCache cache;
  Device& device = cache.m_devices.emplace_back();
  DELTASCOPE_ASSIGN(device.memory, fromBackend(backend.allocate(bytesFor(config, capacity, type), "the KV cache")));
  static std::atomic<std::uint32_t> numbers{0};
  cache.m_number = ++numbers;
  cache.m_capacity = capacity;
  auto* memory = device.memory.as<std::byte>();
  for (const auto& layer : config.layers) {
    if (const auto& source = layer.attention.keysOf) {
      const kernels::KvLayer theirs = device.layers[*source];
      device.layers.push_back(theirs);
      continue;
    }
    const std::uint64_t bytes = bytesOf(layer, capacity, type);
    device.layers.push_back({memory, memory + bytes, type, layer.attention.kvHeads, capacity, layer.attention.headDim});
    memory += 2 * bytes;
  }
  if (config.most([](const LayerConfig& layer) { return layer.isRecurrent(); })) {
    DELTASCOPE_ASSIGN(device.recurrent, RecurrentState::create(backend, config, mostDrafts));
  }
  return cache;
}

void KvCache::append(KvCache further) { std::ranges::move(further.m_devices, std::back_inserter(m_devices)); }

std::uint32_t KvCache::reachable(std::uint32_t length) const {
  if (length >= m_length) return m_length;
  for (std::uint32_t before = length + 1; length < before;) {  // until all devices can
    before = length;
    for (const Device& device : m_devices)
      if (device.recurrent) length = std::min(length, device.recurrent->reachable(length));
  }
  return length;
}

void KvCache::setLength(std::uint32_t length) {
  for (Device& device : m_devices)
    if (device.recurrent) length > m_length ? device.recurrent->passed(length) : device.recurrent->stepBack(length);
  m_length = length;
}

void KvCache::expectReturn(std::uint32_t length) {
  for (Device& device : m_devices)
    if (device.recurrent && length > m_length) device.recurrent->markAt(length);
}

}  // namespace deltascope
