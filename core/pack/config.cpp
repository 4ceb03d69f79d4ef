// SPDX-License-Identifier: Apache-2.0
#include "core/pack/config.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/checkpoint/json.h"

namespace deltascope {
namespace {

constexpr std::string_view kWeight = ".weight";

/// Modules that stay at 16 bits. The head is named even where it is tied and has no tensor.
std::vector<std::string> skippedModules(const PackSources& sources) {
  std::vector<std::string> modules{std::string(sources.linearLayers().head())};
  for (const auto& tensor : sources.tensors()) {
    std::string_view name = tensor.stats.name;
    if (tensor.quantize || tensor.stats.shape.size() != 2 || !name.ends_with(kWeight)) continue;
    name.remove_suffix(kWeight.size());
    // Embeddings too: what such a name stands for may be a linear layer all the same.
    if (std::find(modules.begin(), modules.end(), name) == modules.end()) modules.emplace_back(name);
  }
  return modules;
}

std::string nameOfInput(const std::filesystem::path& path) {
  const auto whole = path.lexically_normal();
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

}  // namespace

std::string configForBase(const std::string& original, const PackSources& sources) {
  const auto& request = sources.request();
  const auto quantized = std::ranges::find_if(sources.tensors(), &PackTensor::quantize);
  if (request.scope == PackScope::All || quantized == sources.tensors().end()) return original;
  auto config = nlohmann::ordered_json::parse(original, nullptr, false);
  const auto quantization =
      quantizationConfig(*request.quantize, quantized->stats.dtype, request.doubleQuant, skippedModules(sources));
  if (const auto python = parseJson(original, {}); config.is_discarded() && python && python->is_object())
    return withMember(original, "quantization_config", quantization.dump());
  if (!config.is_object()) return original;
  config["quantization_config"] = quantization;
  return config.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::map<std::string, std::string> factsOf(const PackSources& sources) {
  const auto& request = sources.request();
  std::map<std::string, std::string> facts{{"tool", "deltascope " DELTASCOPE_VERSION}};
  if (!request.final.empty()) facts["final"] = nameOfInput(request.final);
  if (!request.base.empty()) facts["base"] = nameOfInput(request.base);
  if (request.quantize) {
    std::string text(nameOf(*request.quantize));
    if (!scalesByRow(*request.quantize)) text += ", blocksize " + std::to_string(request.blocksize);
    if (request.doubleQuant) text += ", double quantization";
    facts["quantization"] = text + (request.scope == PackScope::All ? ", every matrix" : ", linear layers");
  }
  std::string adapters;
  for (const auto& adapter : sources.adapters()) adapters += (adapters.empty() ? "" : ", ") + nameOfInput(adapter->path());
  if (!adapters.empty()) facts["adapters"] = adapters;
  facts["codec"] = request.codec                     ? std::string(nameOf(*request.codec))
                   : request.prefer == Prefer::Speed ? "auto, for speed"
                                                     : "auto";
  if (request.codecOptions.zstdLevel != CodecOptions{}.zstdLevel)
    facts["zstd level"] = std::to_string(request.codecOptions.zstdLevel);
  if (sources.baseOnlyTensors() > 0) facts["tensors only in the base"] = std::to_string(sources.baseOnlyTensors());
  for (const auto& [name, value] : request.facts) facts[name] = value;
  return facts;
}

}  // namespace deltascope
