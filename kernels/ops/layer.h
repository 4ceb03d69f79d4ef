// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Operations of a whole layer that a device may do in one go, and the pass they belong to.
#include "kernels/ops/attention.h"
#include "kernels/ops/rope.h"

namespace deltascope::kernels {

/// Norms of queries and keys (where there are weights), rotary embedding (where there are angles), storing, attention: what
/// rmsNorm, rope, storeKv and attention do one after another.
struct AttendArgs {
  float* q = nullptr;               ///< [tokens, heads, headDim], as the product gave it; changed
  float* k = nullptr;               ///< [tokens, kvHeads, headDim]; changed. Null: the cache has them. A GPU: not null
  const float* v = nullptr;         ///< [tokens, kvHeads, headDim]
  const void* queryNorm = nullptr;  ///< [headDim] of `normType`, or null
  const void* keyNorm = nullptr;
  ElementType normType = ElementType::BF16;
  float epsilon = 1e-5f;
  bool addOne = false;            ///< as RmsNormArgs
  const float* cosine = nullptr;  ///< as RopeArgs; null: nothing is rotated
  const float* sine = nullptr;
  KvLayer cache;
  float* out = nullptr;  ///< [tokens, heads, headDim]
  std::uint32_t tokens = 0, firstPosition = 0, heads = 0, window = 0;
  std::uint32_t rotated = 0;  ///< as RopeArgs
  float scale = 1, softCap = 0;
  const float* sinks = nullptr;  ///< as AttentionArgs
  const Matrix* next = nullptr;  ///< that is read after this: a device with idle memory may bring it nearer. May be null.
};

/// Its last step.
[[nodiscard]] inline AttentionArgs attentionOf(const AttendArgs& args) {
  return {args.q,     args.out,    args.cache, args.tokens,  args.firstPosition,
          args.heads, args.window, args.scale, args.softCap, args.sinks};
}

/// One forward pass.
struct PassArgs {
  std::uint32_t tokens = 0, firstPosition = 0;
  /// Equal keys: the same operations with the same arguments but for firstPosition, on buffers that were not freed since. 0:
  /// never the same again.
  std::uint64_t key = 0;
};

}  // namespace deltascope::kernels
