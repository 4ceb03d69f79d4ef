// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Which experts read which tokens. Internal to core/model.
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/result.h"
#include "core/model/config.h"

namespace deltascope {

/// Of the tokens of one pass in one layer. What a token gets depends on its own logits alone.
class Routing {
 public:
  /// From [tokens, experts] logits of the router, as transformers' Qwen3MoeTopKRouter: probabilities by softmax in FP32, the
  /// most probable experts chosen (of equal ones the lower number). Corrupt where a logit is not a finite number: such a token
  /// names no expert.
  [[nodiscard]] static Result<Routing> of(std::span<const float> logits, const FeedForwardConfig& block);

  /// Experts that a token chose, ascending.
  [[nodiscard]] std::span<const std::uint32_t> chosen() const { return m_chosen; }
  /// Ascending, each once; and the weights of the expert for them.
  [[nodiscard]] std::span<const std::uint32_t> tokensOf(std::uint32_t expert) const { return m_experts[expert].tokens; }
  [[nodiscard]] std::span<const float> weightsOf(std::uint32_t expert) const { return m_experts[expert].weights; }

 private:
  struct Readers {
    std::vector<std::uint32_t> tokens;
    std::vector<float> weights;
  };
  std::vector<Readers> m_experts;
  std::vector<std::uint32_t> m_chosen;
};

}  // namespace deltascope
