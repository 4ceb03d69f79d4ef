// SPDX-License-Identifier: Apache-2.0
#include "core/model/kv_cache.h"

#include <atomic>

#include "core/base/failure.h"

namespace deltascope {

std::uint64_t KvCache::bytesFor(const ModelConfig& config, std::uint32_t capacity, kernels::ElementType type) {
  return std::uint64_t{2} * config.layers * config.kvHeads * config.headDim * kernels::bytesOf(type) * capacity;
}

Result<KvCache> KvCache::create(kernels::Backend& backend, const ModelConfig& config, std::uint32_t capacity,
                                kernels::ElementType type) {
  KvCache cache;
  DELTASCOPE_ASSIGN(cache.m_memory, fromBackend(backend.allocate(bytesFor(config, capacity, type), "the KV cache")));
  static std::atomic<std::uint32_t> numbers{0};
  cache.m_number = ++numbers;
  cache.m_shape = {nullptr, nullptr, type, config.kvHeads, capacity, config.headDim};
  return cache;
}

kernels::KvLayer KvCache::layer(std::uint32_t index) const {
  kernels::KvLayer layer = m_shape;
  const std::uint64_t bytes = std::uint64_t{layer.kvHeads} * layer.capacity * layer.headDim * kernels::bytesOf(layer.type);
  layer.keys = m_memory.as<std::byte>() + 2 * index * bytes;
  layer.values = m_memory.as<std::byte>() + (2 * index + 1) * bytes;
  return layer;
}

}  // namespace deltascope
