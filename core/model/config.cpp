// SPDX-License-Identifier: Apache-2.0
#include "core/model/config.h"

#include <algorithm>

#include "core/model/family.h"
#include "core/model/fields.h"

namespace deltascope {
namespace {

using nlohmann::json;

constexpr std::uint32_t kMostLayers = 4096, kMostWidth = 1u << 20, kMostVocabulary = 1u << 24, kMostPositions = 1u << 26;
constexpr std::uint32_t kMostHeads = 4096, kMostHeadDim = 4096;
constexpr std::uint32_t kDefaultMaxWindowLayers = 28;

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// The first name of "architectures", in whatever form it is there.
std::string architectureOf(const Fields& fields) {
  const auto* value = fields.find("architectures");
  if (value && value->is_array()) value = value->empty() ? nullptr : &value->front();
  return value && value->is_string() ? value->get<std::string>() : std::string();
}

/// model_type decides, as in transformers; architectures may name a wrapper or an older spelling. It counts where there is no
/// model_type.
Result<const Family*> familyOf(const json& config, const Fields& fields, const std::filesystem::path& path) {
  DELTASCOPE_ASSIGN(const std::string type, fields.text("model_type", std::string()));
  const std::string architecture = architectureOf(fields);
  if (!config.is_object() || (architecture.empty() && type.empty()))
    return fail(ErrorCode::Corrupt, at({path, {}, {}}, "model_type is missing, and so is architectures"),
                "copy the config.json that belongs to these weights");
  for (const auto& family : families())
    if (type.empty() ? family.architecture == architecture : family.modelType == type || family.wrapper == type) return &family;
  const bool named = architecture.empty() || type.empty();
  return fields.unsupported(
      type.empty() ? "architectures" : "model_type",
      printable(named ? type + architecture : type + " (" + architecture + ")", 160) + " cannot be run here",
      "supported are " + joined(supportedArchitectures()) + "; packing, verifying and unpacking work for every model");
}

/// Whether it is GELU; else SiLU.
Result<bool> readActivation(const Fields& fields, const Family& family) {
  const char* name = family.activationField;
  DELTASCOPE_ASSIGN(const std::string activation, fields.text(name, std::string(family.defaultActivation)));
  if (activation == "gelu_pytorch_tanh" || activation == "gelu_new") return true;
  if (activation == "silu" || activation == "swish") return false;
  return fields.unsupported(name, printable(activation, 60) + " is not supported, silu and gelu_pytorch_tanh are");
}

Result<void> refuseUnknownMeaning(const Fields& fields) {
  DELTASCOPE_ASSIGN(const double rotary, fields.number("partial_rotary_factor", 1.0));
  if (rotary < 1 || rotary > 1) return fields.unsupported("partial_rotary_factor", "rotary embeddings of a part of each head");
  return {};
}

/// As transformers 5: layer_types when it is there, else what the family's rule says.
Result<std::vector<std::uint32_t>> parseWindows(const Fields& fields, const Family& family, std::uint32_t layers) {
  std::vector<std::uint32_t> windows(layers, 0);
  if (family.windows == WindowRule::None) return windows;
  const bool present = fields.has("sliding_window");
  std::uint32_t window = 0;
  bool on = true;
  if (family.windows != WindowRule::Always && family.windows != WindowRule::Patterned) {
    DELTASCOPE_ASSIGN(on, fields.flag("use_sliding_window", false));
  }
  // A null means none; a field that is absent means the default.
  const auto* raw = fields.raw("sliding_window");
  if (present || !raw) {
    DELTASCOPE_ASSIGN(window, fields.size("sliding_window", family.defaultWindow, kMostPositions));
  }
  if (!on) window = 0;
  const auto* types = family.windows == WindowRule::SwitchedForAll ? nullptr : fields.find("layer_types");
  if (types && family.windows == WindowRule::Always)
    return fields.unsupported("layer_types", "layers that differ are not supported in this family");
  if (types) {
    if (!types->is_array() || types->size() != layers) return fields.corrupt("layer_types", "does not have an entry a layer");
    for (std::uint32_t i = 0; i < layers; ++i) {
      const auto& type = (*types)[i];
      if (type == "sliding_attention" && window == 0)
        return fields.corrupt("layer_types", "has sliding_attention, but no sliding_window is in use");
      if (type == "sliding_attention")
        windows[i] = window;
      else if (type != "full_attention")
        return fields.unsupported("layer_types", "only full_attention and sliding_attention are supported");
    }
    return windows;
  }
  if (family.windows == WindowRule::Patterned) {
    std::uint32_t pattern = family.pattern;
    if (family.patternField) {
      DELTASCOPE_ASSIGN(pattern, fields.size("sliding_window_pattern", pattern, kMostLayers));
    }
    if (!pattern) return fields.corrupt("sliding_window_pattern", "is 0");
    if (!window) return fields.corrupt("sliding_window", "is none, and layers are to see one only");
    for (std::uint32_t i = 0; i < layers; ++i) windows[i] = (i + 1) % pattern ? window : 0;
    return windows;
  }
  std::uint32_t first = 0;
  if (family.windows == WindowRule::Switched || family.windows == WindowRule::SwitchedInTurn) {
    DELTASCOPE_ASSIGN(first, fields.size("max_window_layers", kDefaultMaxWindowLayers, kMostLayers));
  }
  if (family.windows == WindowRule::SwitchedInTurn) {
    for (std::uint32_t i = 0; i < std::min(first, layers); i += 2) windows[i] = window;
    return windows;
  }
  for (std::uint32_t i = first; i < layers; ++i) windows[i] = window;
  return windows;
}

/// A field that has to be there unless the family has a number for it.
std::optional<std::uint32_t> orNeeded(std::uint32_t number) { return number ? std::optional(number) : std::nullopt; }

/// What all layers have in common goes to `layer`.
Result<std::uint32_t> parseShape(const Fields& fields, const Family& family, ModelConfig& c, LayerConfig& layer) {
  AttentionConfig& attention = layer.attention;
  DELTASCOPE_ASSIGN(c.hidden, fields.size("hidden_size", std::nullopt, kMostWidth));
  DELTASCOPE_ASSIGN(layer.feedForward.intermediate, fields.size(family.widthField, orNeeded(family.defaultWidth), kMostWidth));
  DELTASCOPE_ASSIGN(const std::uint32_t layers, fields.size("num_hidden_layers", std::nullopt, kMostLayers));
  DELTASCOPE_ASSIGN(attention.heads, fields.size("num_attention_heads", orNeeded(family.defaultHeads), kMostHeads));
  DELTASCOPE_ASSIGN(c.vocabulary, fields.size("vocab_size", orNeeded(family.defaultVocabulary), kMostVocabulary));
  DELTASCOPE_ASSIGN(c.maxPositions, fields.size("max_position_embeddings", family.defaultPositions, kMostPositions));
  if (!c.hidden || !layer.feedForward.intermediate || !layers || !attention.heads || !c.vocabulary || !c.maxPositions)
    return fields.corrupt("hidden_size", "or another size of the model is 0");
  // transformers takes the family's number only where the field is absent; null means one key-value head a head.
  const std::uint32_t kvDefault =
      family.defaultKvHeads && !fields.raw("num_key_value_heads") ? family.defaultKvHeads : attention.heads;
  DELTASCOPE_ASSIGN(attention.kvHeads, fields.size("num_key_value_heads", kvDefault, kMostHeads));
  if (!attention.kvHeads || attention.heads % attention.kvHeads != 0)
    return fields.corrupt("num_key_value_heads", "does not divide num_attention_heads");
  const std::uint32_t headDefault =
      family.defaultHeadDim && !fields.raw("head_dim") ? family.defaultHeadDim : c.hidden / attention.heads;
  DELTASCOPE_ASSIGN(attention.headDim, fields.size("head_dim", headDefault, kMostHeadDim));
  if (!attention.headDim || attention.headDim % 2 != 0) return fields.corrupt("head_dim", "is not an even number above 0");
  if (std::uint64_t{attention.heads} * attention.headDim > kMostWidth)
    return fields.corrupt("head_dim", "times num_attention_heads is too large");
  return layers;
}

}  // namespace

std::vector<std::string> supportedArchitectures() {
  std::vector<std::string> names;
  for (const auto& family : families()) names.emplace_back(family.architecture);
  return names;
}

Result<ModelConfig> parseModelConfig(const json& config, const std::filesystem::path& path) {
  if (!config.is_null() && !config.is_object()) return fail(ErrorCode::Corrupt, at({path, {}, {}}, "is not a JSON object"));
  if (!config.is_object())
    return fail(ErrorCode::NotFound, at({path, {}, {}}, "there is no such file, so that the model's shape is not known"),
                "put the model's config.json there");
  const Fields whole(config, path);
  DELTASCOPE_ASSIGN(const Family* family, familyOf(config, whole, path));
  const auto* type = whole.find("model_type");
  const bool wrapped = type && !family->wrapper.empty() && *type == family->wrapper;
  const auto* text = wrapped ? whole.find("text_config") : &config;
  if (!text || !text->is_object()) return whole.corrupt("text_config", "is not an object");
  const Fields fields(*text, path, wrapped ? "text_config." : "");
  DELTASCOPE_ASSIGN(const std::string inner, fields.text("model_type", std::string(family->modelType)));
  if (wrapped && inner != family->modelType)
    return fields.unsupported("model_type",
                              printable(inner, 60) + " cannot be run here, " + std::string(family->modelType) + " can");
  ModelConfig c;
  c.architecture = family->architecture;
  c.family = family->name;
  c.names = family->names;
  c.textPart = wrapped;
  c.readsAgain = family->readsAgain;
  if (!family->partialRotary) DELTASCOPE_TRY(refuseUnknownMeaning(fields));
  LayerConfig layer;
  DELTASCOPE_ASSIGN(layer.feedForward.gelu, readActivation(fields, *family));
  DELTASCOPE_ASSIGN(const std::uint32_t layers, parseShape(fields, *family, c, layer));
  DELTASCOPE_ASSIGN(const double epsilon, fields.number("rms_norm_eps", family->defaultEpsilon));
  if (!(epsilon >= 0)) return fields.corrupt("rms_norm_eps", "is negative");
  c.rmsEpsilon = static_cast<float>(epsilon);
  // Of a model with other parts the whole says it, and what text_config says counts for nothing.
  DELTASCOPE_ASSIGN(
      c.tiedEmbeddings,
      (wrapped ? whole : fields).flag("tie_word_embeddings", wrapped ? family->wrapperTied : family->defaultTied));
  DELTASCOPE_ASSIGN(const bool attentionBias, fields.flag("attention_bias", family->attentionBiasUsual));
  DELTASCOPE_ASSIGN(const bool qkvBias, fields.flag("qkv_bias", true));
  DELTASCOPE_ASSIGN(const bool mlpBias, fields.flag("mlp_bias", false));
  layer.attention.inputBias =
      (family->qkvBias && (qkvBias || !family->qkvBiasField)) || (family->attentionBiasField && attentionBias);
  layer.attention.outputBias = family->outputBiasToo && attentionBias;
  layer.attention.headNorm = family->headNorm;
  layer.attention.wholeNorm = family->wholeNorm;
  layer.attention.fused = layer.feedForward.fused = family->fused;
  layer.feedForward.bias = family->mlpBiasField && mlpBias;
  c.layers.assign(layers, layer);
  DELTASCOPE_ASSIGN(const auto windows, parseWindows(fields, *family, layers));
  const bool byLayer = family->windows == WindowRule::Switched || family->defaultLocalTheta || family->globalHeadDim;
  RopeRequest request{fields, path, c.maxPositions, layer.attention.headDim};
  if (family->globalHeadDim) {
    DELTASCOPE_ASSIGN(request.fullHeadDim, globalHeadDim(fields, family->globalHeadDim, layer.attention.headDim, layers));
    if (!request.fullHeadDim || request.fullHeadDim % 2 != 0)
      return fields.corrupt("global_head_dim", "is not an even number above 0");
  }
  if (byLayer) request.windows = windows;
  request.theta = family->defaultTheta;
  request.localTheta = family->defaultLocalTheta;
  request.partial = family->partialRotary;
  request.rotary = family->defaultRotary;
  request.originalPositions = family->defaultOriginal;
  request.usual = family->defaultRope;
  DELTASCOPE_ASSIGN(auto ropes, readRopes(request));
  for (const auto& rope : ropes.ropes) c.maxPositions = std::max(c.maxPositions, ropePositions(rope, c.maxPositions));
  c.ropes = std::move(ropes.ropes);
  for (std::uint32_t i = 0; i < layers; ++i) {
    c.layers[i].attention.window = windows[i];
    if (!ropes.byLayer.empty()) c.layers[i].attention.rope = ropes.byLayer[i];
  }
  if (family->finish) DELTASCOPE_TRY(family->finish(fields, c));
  return c;
}

}  // namespace deltascope
