// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Keys and values of the tokens seen so far.
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/result.h"
#include "core/model/config.h"
#include "kernels/backend.h"

namespace deltascope {

/// Memory for `capacity` positions of every layer, in one buffer: for each layer keys, then values, each [kvHeads, capacity,
/// headDim] of that layer. Not thread-safe.
class KvCache {
 public:
  [[nodiscard]] static std::uint64_t bytesFor(const ModelConfig& config, std::uint32_t capacity, kernels::ElementType type);
  [[nodiscard]] static Result<KvCache> create(kernels::Backend& backend, const ModelConfig& config, std::uint32_t capacity,
                                              kernels::ElementType type);

  [[nodiscard]] const kernels::KvLayer& layer(std::uint32_t index) const { return m_layers[index]; }
  [[nodiscard]] std::uint32_t capacity() const { return m_capacity; }
  [[nodiscard]] std::uint32_t length() const { return m_length; }  ///< positions filled
  [[nodiscard]] std::uint32_t number() const { return m_number; }  ///< unlike any other cache's
  void setLength(std::uint32_t length) { m_length = length; }      ///< forgets what is past it
  /// Tokens of the text that is read as one, those in the cache included; what follows is generated. Rotary angles may depend
  /// on it (RopeAngles), so it is set before the first token is read, and only what was read under the same angles is kept.
  void setPromptLength(std::uint32_t length) { m_promptLength = length; }
  [[nodiscard]] std::uint32_t promptLength() const { return m_promptLength; }

 private:
  kernels::Buffer m_memory;
  std::vector<kernels::KvLayer> m_layers;
  std::uint32_t m_capacity = 0, m_length = 0, m_promptLength = 0, m_number = 0;
};

}  // namespace deltascope
