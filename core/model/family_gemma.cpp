// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/model/config.h"
#include "core/model/family.h"
#include "core/model/fields.h"

namespace deltascope {
namespace {

constexpr double kUsualScalar = 256;

/// Null, which is none, or a number above 0; absent: `usual`.
Result<float> readCap(const Fields& fields, const char* name, double usual) {
  if (const auto* value = fields.raw(name); value && value->is_null()) return 0.0f;
  DELTASCOPE_ASSIGN(const double cap, fields.number(name, usual));
  const auto rounded = static_cast<float>(cap);
  if (fields.has(name) && !(rounded > 0 && std::isfinite(rounded)))
    return fields.corrupt(name, "is not a number above 0; null is none");
  return rounded;
}

/// What Gemma 2 and 3 have in common. transformers rounds the embedding's scale to the type that it loads the weights as; here
/// that is FP32.
Result<void> finishGemma(const Fields& fields, ModelConfig& c) {
  c.addedNorms = true;
  c.embeddingScale = static_cast<float>(std::sqrt(static_cast<double>(c.hidden)));
  DELTASCOPE_ASSIGN(const double scalar, fields.number("query_pre_attn_scalar", kUsualScalar));
  const auto scale = static_cast<float>(1 / std::sqrt(scalar));
  if (!(scale > 0 && std::isfinite(scale))) return fields.corrupt("query_pre_attn_scalar", "is not a number above 0");
  DELTASCOPE_ASSIGN(const bool bothWays, fields.flag("use_bidirectional_attention", false));
  if (bothWays) return fields.unsupported("use_bidirectional_attention", "tokens that see later ones are not supported");
  for (auto& layer : c.layers) {
    layer.normsAfter = true;
    layer.attention.scale = scale;
  }
  return {};
}

}  // namespace

Result<void> finishGemma2(const Fields& fields, ModelConfig& c) {
  constexpr double kUsualCap = 50, kUsualLogitCap = 30;
  DELTASCOPE_TRY(finishGemma(fields, c));
  DELTASCOPE_ASSIGN(c.logitCap, readCap(fields, "final_logit_softcapping", kUsualLogitCap));
  DELTASCOPE_ASSIGN(const float cap, readCap(fields, "attn_logit_softcapping", kUsualCap));
  for (auto& layer : c.layers) layer.attention.softCap = cap;
  return {};
}

/// transformers reads attn_logit_softcapping and does nothing with it; nor with final_logit_softcapping where the text is a
/// part of a model that sees.
Result<void> finishGemma3(const Fields& fields, ModelConfig& c) {
  DELTASCOPE_TRY(finishGemma(fields, c));
  if (c.textPart) return {};
  DELTASCOPE_ASSIGN(c.logitCap, readCap(fields, "final_logit_softcapping", 0));
  return {};
}

}  // namespace deltascope
