// SPDX-License-Identifier: Apache-2.0
// Families with layers that keep a state instead of keys and values.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/model/config.h"
#include "core/model/family.h"
#include "core/model/fields.h"
#include "kernels/backend.h"

namespace deltascope {
namespace {

constexpr std::uint32_t kMostLayers = 4096, kMostHeads = 4096, kMostHeadDim = 4096, kMostWidth = 1u << 20;

Result<RecurrentConfig> readDeltaNet(const Fields& fields) {
  RecurrentConfig net;
  DELTASCOPE_ASSIGN(net.keyHeads, fields.size("linear_num_key_heads", 16, kMostHeads));
  DELTASCOPE_ASSIGN(net.valueHeads, fields.size("linear_num_value_heads", 32, kMostHeads));
  DELTASCOPE_ASSIGN(net.keyDim, fields.size("linear_key_head_dim", 128, kMostHeadDim));
  DELTASCOPE_ASSIGN(net.valueDim, fields.size("linear_value_head_dim", 128, kMostHeadDim));
  DELTASCOPE_ASSIGN(net.kernel, fields.size("linear_conv_kernel_dim", 4, kernels::ConvolveArgs::kMostKernel));
  if (!net.keyHeads || !net.valueHeads || net.valueHeads % net.keyHeads != 0)
    return fields.corrupt("linear_num_value_heads", "is not a multiple of linear_num_key_heads");
  if (!net.keyDim || !net.valueDim || !net.kernel)
    return fields.corrupt("linear_key_head_dim", "or another size of the recurrent layers is 0");
  if (net.channels() > kMostWidth) return fields.corrupt("linear_key_head_dim", "times linear_num_key_heads is too large");
  return net;
}

/// By layer, whether it is recurrent: layer_types, or else all but every full_attention_interval-th.
Result<std::vector<bool>> recurrentLayers(const Fields& fields, std::size_t layers) {
  std::vector<bool> recurrent(layers);
  const auto* types = fields.find("layer_types");
  if (types && (!types->is_array() || types->size() != layers))
    return fields.corrupt("layer_types", "does not have an entry a layer");
  DELTASCOPE_ASSIGN(const std::uint32_t interval, fields.size("full_attention_interval", 4, kMostLayers));
  if (!types && !interval) return fields.corrupt("full_attention_interval", "is 0");
  for (std::size_t i = 0; i < layers; ++i) {
    recurrent[i] = types ? (*types)[i] == "linear_attention" : (i + 1) % interval != 0;
    if (!types || recurrent[i] || (*types)[i] == "full_attention") continue;
    const auto& type = (*types)[i];
    if (!type.is_string()) return fields.corrupt("layer_types", "has an entry that is no text");
    return fields.unsupported("layer_types", "layers of the kind " + printable(type.get<std::string>(), 60) +
                                                 " are none of this family's, linear_attention and full_attention are");
  }
  return recurrent;
}

}  // namespace

/// transformers' Qwen3_5DecoderLayer.
Result<void> finishQwen3_5(const Fields& fields, ModelConfig& c) {
  DELTASCOPE_ASSIGN(const RecurrentConfig net, readDeltaNet(fields));
  DELTASCOPE_ASSIGN(const auto recurrent, recurrentLayers(fields, c.layers.size()));
  c.addedNorms = true;
  for (std::size_t i = 0; i < c.layers.size(); ++i) {
    LayerConfig& layer = c.layers[i];
    if (layer.feedForward.gelu)
      return fields.unsupported("hidden_act", "a convolution is followed by silu here, and by nothing else");
    layer.attention.outputGate = true;
    if (!recurrent[i]) continue;
    layer.attention = {};
    layer.recurrent = net;
  }
  return {};
}

}  // namespace deltascope
