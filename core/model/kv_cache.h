// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Keys and values of the tokens seen so far, and the state of recurrent layers.
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/result.h"
#include "core/model/config.h"
#include "core/model/recurrent_state.h"
#include "kernels/backend.h"

namespace deltascope {

/// Memory for `capacity` positions of every layer with attention, in one buffer of each device: for each layer keys, then
/// values, each [kvHeads, capacity, headDim] of that layer; and, in models that have recurrent layers, their state. Not
/// thread-safe.
class KvCache {
 public:
  /// Of the keys and values; RecurrentState::bytesFor comes besides.
  [[nodiscard]] static std::uint64_t bytesFor(const ModelConfig& config, std::uint32_t capacity, kernels::ElementType type);
  /// Passes judge at most `mostDrafts` drafts.
  [[nodiscard]] static Result<KvCache> create(kernels::Backend& backend, const ModelConfig& config, std::uint32_t capacity,
                                              kernels::ElementType type, std::uint32_t mostDrafts = 0);
  /// Takes over the cache of the layers that another device has, with the same capacity and nothing in it.
  void append(KvCache further);

  /// `index` counts the layers of the device, `device` the caches appended.
  [[nodiscard]] const kernels::KvLayer& layer(std::uint32_t index, std::size_t device = 0) const {
    return m_devices[device].layers[index];
  }
  [[nodiscard]] std::uint32_t capacity() const { return m_capacity; }
  [[nodiscard]] std::uint32_t length() const { return m_length; }  ///< positions filled
  [[nodiscard]] std::uint32_t number() const { return m_number; }  ///< unlike any other cache's
  /// Of the positions filled, the most that are at most `length` and can stay when what is past them is forgotten: `length`,
  /// unless a recurrent layer's state is not there any more.
  [[nodiscard]] std::uint32_t reachable(std::uint32_t length) const;
  /// Forgets what is past it, where it is what reachable() gave; or takes in what a pass has read.
  void setLength(std::uint32_t length);
  /// A length that is likely to be gone back to, before the passes that come to it.
  void expectReturn(std::uint32_t length);
  /// Of a device; null: it has no such layers.
  [[nodiscard]] RecurrentState* recurrent(std::size_t device = 0) {
    auto& state = m_devices[device].recurrent;
    return state ? &*state : nullptr;
  }
  /// Tokens of the text that is read as one, those in the cache included; what follows is generated. Rotary angles may depend
  /// on it (RopeAngles), so it is set before the first token is read, and only what was read under the same angles is kept.
  void setPromptLength(std::uint32_t length) { m_promptLength = length; }
  [[nodiscard]] std::uint32_t promptLength() const { return m_promptLength; }

 private:
  struct Device {
    kernels::Buffer memory;
    std::vector<kernels::KvLayer> layers;
    std::optional<RecurrentState> recurrent;
  };
  std::vector<Device> m_devices;
  std::uint32_t m_capacity = 0, m_length = 0, m_promptLength = 0, m_number = 0;
};

}  // namespace deltascope
