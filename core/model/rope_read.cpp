// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/model/fields.h"
#include "core/model/rope.h"

namespace deltascope {
namespace {

using Scaling = RopeConfig::Scaling;

constexpr std::uint32_t kMostPositions = 1u << 26;
constexpr const char* kOriginal = "original_max_position_embeddings";

Result<Scaling> scalingOf(const std::string& type, const Fields& fields) {
  static constexpr std::pair<std::string_view, Scaling> kTypes[] = {
      {"default", Scaling::None},    {"linear", Scaling::Linear},
      {"llama3", Scaling::Llama3},   {"yarn", Scaling::Yarn},
      {"dynamic", Scaling::Dynamic}, {"longrope", Scaling::LongRope},
      {"su", Scaling::LongRope},     {"proportional", Scaling::Proportional}};
  for (const auto& [name, scaling] : kTypes)
    if (name == type) return scaling;
  return fields.unsupported("rope_type", printable(type, 60) + " is not supported",
                            "supported are default, linear, llama3, yarn, dynamic, longrope and proportional");
}

/// A number above 0; absent, null or 0 gives the fallback, as Python's `or` does.
Result<double> positive(const Fields& fields, const char* name, double fallback) {
  DELTASCOPE_ASSIGN(const double number, fields.number(name, fallback));
  if (number < 0) return fields.corrupt(name, "is negative");
  return number > 0 ? number : fallback;
}

/// A null factor is the growth of the context.
Result<double> factorOf(const RopeConfig& rope, const Fields& fields, std::uint32_t positions) {
  const auto* factor = fields.raw("factor");
  const bool mayLack = rope.scaling == Scaling::LongRope || (rope.scaling == Scaling::Yarn && factor);
  std::optional<double> fallback;
  if (mayLack) fallback = static_cast<double>(positions) / rope.originalPositions;
  return fields.number("factor", fallback);
}

Result<void> readLlama3(const Fields& fields, RopeConfig& rope) {
  DELTASCOPE_ASSIGN(rope.lowFrequencyFactor, fields.number("low_freq_factor", std::nullopt));
  DELTASCOPE_ASSIGN(rope.highFrequencyFactor, fields.number("high_freq_factor", std::nullopt));
  if (!(rope.highFrequencyFactor > rope.lowFrequencyFactor) || !(rope.lowFrequencyFactor > 0))
    return fields.corrupt("high_freq_factor", "is not above low_freq_factor");
  return {};
}

double yarnScale(double factor, double weight) { return factor <= 1 ? 1.0 : 0.1 * weight * std::log(factor) + 1.0; }

Result<void> readYarn(const Fields& fields, RopeConfig& rope) {
  DELTASCOPE_ASSIGN(rope.fastRotations, positive(fields, "beta_fast", 32));
  DELTASCOPE_ASSIGN(rope.slowRotations, positive(fields, "beta_slow", 1));
  const auto* truncate = fields.raw("truncate");
  DELTASCOPE_ASSIGN(rope.wholeDimensions, fields.flag("truncate", !truncate));  // a null is false there
  DELTASCOPE_ASSIGN(const double scale, fields.number("mscale", 0.0));
  DELTASCOPE_ASSIGN(const double scaleOfAll, fields.number("mscale_all_dim", 0.0));
  const bool both = std::abs(scale) > 0 && std::abs(scaleOfAll) > 0;
  const double own = both ? yarnScale(rope.factor, scale) / yarnScale(rope.factor, scaleOfAll) : yarnScale(rope.factor, 1);
  if (!std::isfinite(own)) return fields.corrupt("mscale_all_dim", "makes the attention's factor infinite");
  DELTASCOPE_ASSIGN(rope.attentionFactor, fields.number("attention_factor", own));
  if (std::abs(std::log(rope.theta)) < 1e-9) return fields.corrupt("rope_theta", "is 1, with which all frequencies are one");
  return {};
}

Result<std::vector<float>> readFactors(const Fields& fields, const char* name, std::size_t count) {
  const auto* list = fields.find(name);
  if (!list || !list->is_array() || list->size() != count)
    return fields.corrupt(name, "is not a list of " + std::to_string(count) + " numbers, half of a head's size");
  std::vector<float> factors;
  for (const auto& factor : *list) {
    const auto value = factor.is_number() ? static_cast<float>(factor.get<double>()) : 0.0f;
    if (!(value > 0) || !std::isfinite(value)) return fields.corrupt(name, "has an entry that is not a number above 0");
    factors.push_back(value);
  }
  return factors;
}

Result<void> readLongRope(const Fields& fields, std::size_t count, RopeConfig& rope) {
  DELTASCOPE_ASSIGN(rope.shortFactors, readFactors(fields, "short_factor", count));
  DELTASCOPE_ASSIGN(rope.longFactors, readFactors(fields, "long_factor", count));
  if (rope.originalPositions < 2) return fields.corrupt(kOriginal, "is below 2");
  const double own = rope.factor <= 1 ? 1.0 : std::sqrt(1 + std::log(rope.factor) / std::log(rope.originalPositions));
  DELTASCOPE_ASSIGN(rope.attentionFactor, fields.number("attention_factor", own));
  return {};
}

Result<void> readScaling(const RopeRequest& request, const Fields& fields, RopeConfig& rope) {
  if (rope.scaling == Scaling::Dynamic) {
    rope.originalPositions = request.positions;
    if (request.headDim <= 2) return fields.unsupported("rope_type", "dynamic needs heads of more than 2 numbers");
  } else if (rope.scaling != Scaling::Linear) {
    const std::uint32_t usual = request.originalPositions ? request.originalPositions : request.positions;
    DELTASCOPE_ASSIGN(const std::uint32_t own, fields.size(kOriginal, usual, kMostPositions));
    DELTASCOPE_ASSIGN(rope.originalPositions, request.config.size(kOriginal, own, kMostPositions));
    if (!rope.originalPositions) return fields.corrupt(kOriginal, "is 0");
  }
  DELTASCOPE_ASSIGN(rope.factor, factorOf(rope, fields, request.positions));
  if (!(rope.factor > 0)) return fields.corrupt("factor", "is not positive");
  DELTASCOPE_ASSIGN(const double rotary, fields.number("partial_rotary_factor", 1.0));
  if (!request.partial && (rotary < 1 || rotary > 1))
    return fields.unsupported("partial_rotary_factor", "rotary embeddings of a part of each head");
  if (rope.scaling == Scaling::Llama3) return readLlama3(fields, rope);
  if (rope.scaling == Scaling::Yarn) return readYarn(fields, rope);
  if (rope.scaling == Scaling::LongRope) return readLongRope(fields, rope.dimensions / 2, rope);
  return {};
}

Result<std::uint32_t> rotatedOf(const RopeRequest& request, const Fields& fields) {
  DELTASCOPE_ASSIGN(const double usual, request.config.number("partial_rotary_factor", request.rotary));
  DELTASCOPE_ASSIGN(const double factor, fields.number("partial_rotary_factor", usual));
  const double rotated = std::floor(request.headDim * factor);
  if (!(rotated >= 2 && rotated <= request.headDim) || std::fmod(rotated, 2) > 0)
    return fields.corrupt("partial_rotary_factor", "does not make an even number of head_dim's elements, 2 at least");
  return static_cast<std::uint32_t>(rotated);
}

/// As transformers' _compute_proportional_rope_parameters.
Result<void> readProportional(const Fields& fields, RopeConfig& rope) {
  DELTASCOPE_ASSIGN(rope.factor, fields.number("factor", 1.0));
  if (!(rope.factor > 0)) return fields.corrupt("factor", "is not positive");
  DELTASCOPE_ASSIGN(const double share, fields.number("partial_rotary_factor", 1.0));
  if (!(share >= 0 && share <= 1)) return fields.corrupt("partial_rotary_factor", "is not between 0 and 1");
  rope.turning = static_cast<std::uint32_t>(std::floor(share * rope.dimensions / 2));
  return {};
}

/// One dictionary of rope settings; `theta` where it has none.
Result<RopeConfig> readOne(const RopeRequest& request, const nlohmann::json& object, const std::string& name, double theta) {
  RopeConfig rope;
  rope.dimensions = request.headDim;
  const Fields fields(object, request.path, name.empty() ? name : name + ".");
  if (request.partial) {
    DELTASCOPE_ASSIGN(rope.dimensions, rotatedOf(request, fields));
  }
  DELTASCOPE_ASSIGN(rope.theta, fields.number("rope_theta", theta));
  if (!(rope.theta > 0)) return fields.corrupt("rope_theta", "is not positive");
  DELTASCOPE_ASSIGN(const std::string shortName, fields.text("type", std::string("default")));
  DELTASCOPE_ASSIGN(const std::string type, fields.text("rope_type", shortName));
  DELTASCOPE_ASSIGN(rope.scaling, scalingOf(type, fields));
  if (rope.scaling == Scaling::Proportional)
    DELTASCOPE_TRY(readProportional(fields, rope));
  else if (rope.scaling != Scaling::None)
    DELTASCOPE_TRY(readScaling(request, fields, rope));
  return rope;
}

Result<LayerRopes> readByLayer(const RopeRequest& request, const nlohmann::json& object, const std::string& name,
                               double theta) {
  if (request.windows.empty())
    return request.config.unsupported(name.c_str(),
                                      "rotary embeddings that differ between layers are not built for this family");
  RopeRequest full = request;
  if (request.fullHeadDim) full.headDim = request.fullHeadDim;
  static constexpr const char* kKinds[] = {"full_attention", "sliding_attention"};
  for (const auto& [key, value] : object.items())
    if (value.is_object() && key != kKinds[0] && key != kKinds[1])
      return request.config.unsupported(name.c_str(), "layers of the kind " + printable(key, 60) + " are not supported");
  LayerRopes result;
  for (const auto window : request.windows) result.byLayer.push_back(window ? 1 : 0);
  for (std::uint8_t kind = 0; kind < 2; ++kind) {
    const std::string own = name + "." + kKinds[kind];
    const auto entry = object.find(kKinds[kind]);
    const bool used = std::ranges::find(result.byLayer, kind) != result.byLayer.end();
    const RopeRequest& of = kind == 0 ? full : request;
    RopeConfig rope;
    rope.dimensions = of.headDim;
    if (entry != object.end() && entry->is_object()) {
      DELTASCOPE_ASSIGN(rope, readOne(of, *entry, own, theta));
    } else if (used) {
      return request.config.corrupt(own.c_str(), "is missing, and layers of this kind are there");
    }
    result.ropes.push_back(std::move(rope));
  }
  return result;
}

/// As transformers' Gemma4TextConfig.
Result<LayerRopes> readOfKinds(const RopeRequest& request) {
  static const nlohmann::json kUsual{
      {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 10000.0}}},
      {"full_attention", {{"rope_type", "proportional"}, {"partial_rotary_factor", 0.25}, {"rope_theta", 1000000.0}}}};
  const auto* object = request.config.find("rope_parameters");
  if (object && !object->is_object()) return request.config.corrupt("rope_parameters", "is not an object");
  return readByLayer(request, object ? *object : kUsual, "rope_parameters", request.theta);
}

/// As transformers' Gemma3TextConfig.
Result<LayerRopes> readLocal(const RopeRequest& request) {
  static const nlohmann::json kNone = nlohmann::json::object();
  DELTASCOPE_ASSIGN(const double theta, request.config.number("rope_theta", request.theta));
  DELTASCOPE_ASSIGN(const double local, request.config.number("rope_local_base_freq", *request.localTheta));
  const auto* scaling = request.config.find("rope_scaling");
  const auto* parameters = request.config.find("rope_parameters");
  for (const auto& [name, object] : {std::pair("rope_scaling", scaling), std::pair("rope_parameters", parameters)})
    if (object && !object->is_object()) return request.config.corrupt(name, "is not an object");
  const bool scaled = scaling && !scaling->empty();
  const auto ofKind = [&](const char* kind) -> const nlohmann::json& {
    const auto entry = parameters ? parameters->find(kind) : kNone.end();
    return parameters && entry != parameters->end() && entry->is_object() ? *entry : kNone;
  };
  const auto isOfKinds = [](const nlohmann::json& object) {
    return std::ranges::all_of(object, [](const auto& value) { return value.is_object() || value.is_null(); });
  };
  if (parameters && !isOfKinds(*parameters))
    return request.config.unsupported("rope_parameters", "has settings outside full_attention and sliding_attention");
  if (scaled && std::ranges::any_of(*scaling, [](const auto& value) { return value.is_object(); }))
    return request.config.unsupported("rope_scaling", "speaks of kinds of layers, which rope_parameters does");
  LayerRopes result;
  for (const auto window : request.windows) result.byLayer.push_back(window ? 1 : 0);
  DELTASCOPE_ASSIGN(auto full, readOne(request, scaled ? *scaling : ofKind("full_attention"),
                                       scaled ? "rope_scaling" : "rope_parameters.full_attention", theta));
  DELTASCOPE_ASSIGN(auto sliding, readOne(request, ofKind("sliding_attention"), "rope_parameters.sliding_attention", local));
  result.ropes = {std::move(full), std::move(sliding)};
  return result;
}

}  // namespace

Result<LayerRopes> readRopes(const RopeRequest& request) {
  if (request.localTheta) return readLocal(request);
  if (request.fullHeadDim) return readOfKinds(request);
  // The older spelling wins where both are there; an empty one counts as absent.
  const auto* older = request.config.find("rope_scaling");
  const char* name = older && !older->empty() ? "rope_scaling" : "rope_parameters";
  const auto* object = request.config.find(name);
  static const nlohmann::json kNone = nlohmann::json::object();
  if (object && !object->is_object()) return request.config.corrupt(name, "is not an object");
  DELTASCOPE_ASSIGN(const double theta, request.config.number("rope_theta", request.theta));
  const nlohmann::json usual = request.usual && !object ? nlohmann::json::parse(request.usual) : nlohmann::json();
  if (!usual.is_null()) object = &usual;
  if (object && std::ranges::any_of(*object, [](const auto& value) { return value.is_object(); }))
    return readByLayer(request, *object, name, theta);
  DELTASCOPE_ASSIGN(RopeConfig rope, readOne(request, object ? *object : kNone, object ? name : "", theta));
  return LayerRopes{{std::move(rope)}, std::vector<std::uint8_t>(request.windows.size(), 0)};
}

}  // namespace deltascope
