// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Causal attention of new tokens over a cache, and the cache's filling.
#include "kernels/ops/matrix.h"

namespace deltascope::kernels {

/// Keys and values of one layer: each [kvHeads, capacity, headDim] of `type` (F32 or BF16).
struct KvLayer {
  void* keys = nullptr;
  void* values = nullptr;
  ElementType type = ElementType::F32;
  std::uint32_t kvHeads = 0, capacity = 0, headDim = 0;
};

/// Writes keys and values of `tokens` tokens at positions from `firstPosition`, rounded to the cache's type.
struct StoreKvArgs {
  KvLayer cache;
  const float* keys = nullptr;    ///< [tokens, kvHeads, headDim], rotated
  const float* values = nullptr;  ///< [tokens, kvHeads, headDim]
  std::uint32_t tokens = 0, firstPosition = 0;
};

/// out = softmax(cap(q · kᵀ · scale)) · v over positions p − window < j ≤ p (all up to p when window is 0), the new tokens' own
/// keys and values already stored. Query head h uses key-value head h / (heads / kvHeads). FP32 throughout; the order of
/// additions depends on the position alone, so that neither the number of tokens in a call nor of threads changes a bit.
struct AttentionArgs {
  const float* q = nullptr;  ///< [tokens, heads, headDim], rotated
  float* out = nullptr;      ///< [tokens, heads, headDim]
  KvLayer cache;
  std::uint32_t tokens = 0, firstPosition = 0, heads = 0;
  std::uint32_t window = 0;
  float scale = 1;
  float softCap = 0;             ///< cap(x) = softCap · tanh(x / softCap); 0: cap(x) = x
  const float* sinks = nullptr;  ///< [heads]: a score more among each head's, of no value; null: none. A GPU: null
};

}  // namespace deltascope::kernels
