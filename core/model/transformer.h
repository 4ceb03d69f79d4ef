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

/// The same bits for a prompt whether it comes in one call or token by token, with its length told to the cache. One call at a
/// time.
class Transformer {
 public:
  /// Activations for `mostTokens` tokens a call and logits after at most `mostLogits` of them, bytes on the device.
  [[nodiscard]] static std::uint64_t activationBytes(const ModelConfig& config, std::uint32_t mostTokens,
                                                     std::uint32_t mostLogits = 1);
  /// `backend` and `weights` are borrowed. `mostTokens`, `mostLogits` ≥ 1.
  [[nodiscard]] static Result<Transformer> create(kernels::Backend& backend, const ModelConfig& config, Weights& weights,
                                                  std::uint32_t mostTokens, std::uint32_t mostLogits = 1);
  Transformer(Transformer&&) noexcept;
  Transformer& operator=(Transformer&&) noexcept;
  ~Transformer();

  /// Appends `tokens` (at most mostTokens, each below the vocabulary) to `cache`, and gives the logits after the last of them:
  /// after as many as `logits` has room for (floats in host memory, a multiple of the vocabulary; empty: none). An error, or a
  /// stop request (Cancelled), leaves the cache's length as it was.
  [[nodiscard]] Result<void> forward(std::span<const std::uint32_t> tokens, KvCache& cache, std::span<float> logits,
                                     const std::stop_token& stop);
  /// The same with other weights of the same shapes, to propose tokens with: products may round as they like. `weights` are
  /// borrowed, the same ones at every call.
  [[nodiscard]] Result<void> draft(std::span<const std::uint32_t> tokens, KvCache& cache, std::span<float> logits,
                                   const std::stop_token& stop, Weights& weights);

  /// Whether what a cache holds of a prompt of one length serves a prompt of the other.
  [[nodiscard]] bool sameAngles(std::uint32_t promptLength, std::uint32_t otherPromptLength) const;

 private:
  struct State;
  explicit Transformer(std::unique_ptr<State> state);
  std::unique_ptr<State> m_state;
};

}  // namespace deltascope
