// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/quant_method.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace deltascope {
namespace {

using nlohmann::json;

constexpr std::string_view kOurs = "bitsandbytes";

const json& member(const json& object, const char* name) {
  static const json kNull;
  const auto found = object.is_object() ? object.find(name) : object.end();
  return object.is_object() && found != object.end() ? *found : kNull;
}

/// Numbers of bits are under many names.
std::string declaredBits(const json& config) {
  for (const char* name : {"bits", "w_bit", "nbits", "weight_bits"})
    if (const auto& bits = member(config, name); bits.is_number_unsigned()) return std::to_string(bits.get<std::uint64_t>());
  return {};
}

struct Evidence {
  std::string_view ending;
  const char* method;
};
constexpr std::array kEndings{
    Evidence{".qweight", "GPTQ or AWQ"},  Evidence{".weight_packed", "compressed-tensors"},
    Evidence{".weight_scale_inv", "fp8"}, Evidence{".input_scale", "fp8"},
    Evidence{"_proj_blocks", "mxfp4"},    Evidence{".W_q", "hqq"},
    Evidence{".weight_scales", "eetq"},   Evidence{".weight._data", "quanto"},
    Evidence{".weight_scale_2", "nvfp4"}, Evidence{".codebooks", "aqlm"},
};

std::optional<std::string> byTensors(const Checkpoint& checkpoint) {
  for (const auto& tensor : checkpoint.tensors()) {
    for (const auto& [ending, method] : kEndings)
      if (tensor.name.ends_with(ending)) return method;
    if (tensor.shape.size() == 2 && bitsOf(tensor.dtype) == 8 && nameOf(tensor.dtype).starts_with("F8")) return "fp8";
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> foreignQuantization(const Checkpoint& checkpoint) {
  const auto& config = member(checkpoint.config(), "quantization_config");
  const auto& method = member(config, "quant_method");
  if (!method.is_string()) return byTensors(checkpoint);
  const auto& name = method.get_ref<const std::string&>();
  if (name.starts_with(kOurs)) return std::nullopt;
  const auto bits = declaredBits(config);
  return printable(name, 40) + (bits.empty() ? "" : " (" + bits + " bits)");
}

Error needsPlainWeights(const Location& where, const std::string& method) {
  return {ErrorCode::Unsupported, at(where, "its weights are quantized with " + method + ", and plain ones are needed here"),
          "take the 16-bit checkpoint that it was made from; inspecting, packing, verifying and unpacking it work"};
}

std::size_t emptyWeights(const Checkpoint& checkpoint) {
  const auto& tensors = checkpoint.tensors();
  return static_cast<std::size_t>(
      std::count_if(tensors.begin(), tensors.end(), [](const TensorInfo& tensor) { return tensor.elements == 0; }));
}

Error needsGatheredWeights(const Location& where, std::size_t empty) {
  const std::string more = empty > 1 ? ", one of " + std::to_string(empty) : "";
  return {ErrorCode::Mismatch,
          at(where, "is empty" + more + ": DeepSpeed ZeRO-3 saves so where it does not gather the weights first"),
          "gather them with zero_to_fp32.py in the training's folder, or save again with "
          "stage3_gather_16bit_weights_on_model_save"};
}

}  // namespace deltascope
