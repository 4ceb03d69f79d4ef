// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The forward pass of a decoder-only transformer over a backend: embedding, layers, norm, head. FP32 activations and
/// additions.
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "core/model/kv_cache.h"
#include "core/model/weights.h"

namespace deltascope {

/// The layers of a model that one device has. The device with the first one has the embedding, that with the last one the final
/// norm and the head.
struct DeviceLayers {
  kernels::Backend* backend = nullptr;
  const ModelConfig* config = nullptr;  ///< of a model of these layers alone
  Weights* weights = nullptr;           ///< the same
  std::vector<std::uint32_t> numbers;   ///< that they have in the whole model, ascending
};

/// The same bits for a prompt whether it comes in one call or token by token, with its length told to the cache; and whatever
/// the number of devices of a kind that its layers are dealt out to. One call at a time.
class Transformer {
 public:
  /// Activations for `mostTokens` tokens a call and logits after at most `mostLogits` of them, bytes on the device.
  [[nodiscard]] static std::uint64_t activationBytes(const ModelConfig& config, std::uint32_t mostTokens,
                                                     std::uint32_t mostLogits = 1);
  /// Backends and weights are borrowed. `mostTokens`, `mostLogits` ≥ 1. Every layer is on one of the devices.
  [[nodiscard]] static Result<Transformer> create(std::span<const DeviceLayers> devices, std::uint32_t mostTokens,
                                                  std::uint32_t mostLogits = 1);
  Transformer(Transformer&&) noexcept;
  Transformer& operator=(Transformer&&) noexcept;
  ~Transformer();

  /// Appends `tokens` (at most mostTokens, each below the vocabulary) to `cache`, and gives the logits after the last of them:
  /// after as many as `logits` has room for (floats in host memory, a multiple of the vocabulary; empty: none). `cache` has the
  /// layers of all devices. An error, or a stop request (Cancelled), leaves its length as it was.
  [[nodiscard]] Result<void> forward(std::span<const std::uint32_t> tokens, KvCache& cache, std::span<float> logits,
                                     const std::stop_token& stop);
  /// The same with other weights of the same shapes, to propose tokens with: products may round as they like. `weights`, those
  /// of each device, are borrowed, the same ones at every call.
  [[nodiscard]] Result<void> draft(std::span<const std::uint32_t> tokens, KvCache& cache, std::span<float> logits,
                                   const std::stop_token& stop, std::span<Weights* const> weights);

  /// Whether what a cache holds of a prompt of one length serves a prompt of the other.
  [[nodiscard]] bool sameAngles(std::uint32_t promptLength, std::uint32_t otherPromptLength) const;

 private:
  struct State;
  /// Layers [first, end) of those that a device has, which follow each other in the model.
  struct Stretch {
    State* device;
    std::uint32_t first, end;
  };
  explicit Transformer(std::vector<std::unique_ptr<State>> devices);
  [[nodiscard]] Result<void> check(std::span<const std::uint32_t> tokens, const KvCache& cache, std::size_t logits) const;
  [[nodiscard]] Result<void> runStretch(const Stretch& stretch, std::span<const std::uint32_t> tokens, KvCache& cache,
                                        std::span<float> logits, const std::stop_token& stop, Weights& from);
  [[nodiscard]] Result<void> pass(std::span<const std::uint32_t> tokens, KvCache& cache, std::span<float> logits,
                                  const std::stop_token& stop, std::span<Weights* const> weights);

  std::vector<std::unique_ptr<State>> m_devices;
  std::vector<Stretch> m_stretches;  ///< in the order of a pass
  std::vector<Weights*> m_weights;   ///< the exact ones of each device
  std::vector<float> m_handed;       ///< from one stretch to the next
};

}  // namespace deltascope
