// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/weight_faults.h"

#include <algorithm>
#include <set>

#include "core/base/units.h"
#include "core/checkpoint/quant_method.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

/// Whether the files have nothing of that layer, as opposed to not all of it.
bool lacksLayer(const WeightNames& names, std::uint32_t layer, std::span<const RoleName> own) {
  return std::ranges::none_of(weightRoles(), [&](const RoleRow& row) {
    return row.layered && names.final().stored(weightName(row.role, layer, {}, own)) != nullptr;
  });
}

/// How many layers in a row the files have something of, up to `most`.
std::uint32_t layersIn(const WeightNames& names, std::uint32_t most, std::span<const RoleName> own) {
  std::uint32_t layers = 0;
  while (layers < most && !lacksLayer(names, layers, own)) ++layers;
  return layers;
}

/// Where the model's sizes are told, and what to do where they are not its weights'.
struct Told {
  std::string_view by, mend;
};
Told toldBy(const Variant& variant) {
  const bool gguf = variant.base && variant.payloads.empty() && variant.base->checkpoint().gguf();
  return gguf ? Told{"its metadata", "convert the model again, or download the file again with all its parts"}
              : Told{"config.json", "correct config.json, or copy the one that belongs to these weights"};
}

/// Safetensors files of the folder that are not among the checkpoint's: an index may have left them out.
std::vector<fs::path> unlisted(const Checkpoint& checkpoint) {
  const auto files = checkpoint.files();
  std::vector<fs::path> others;
  std::error_code error;
  for (fs::directory_iterator entry(checkpoint.folder(), error), end; !error && entry != end; entry.increment(error)) {
    const auto name = entry->path().filename();
    const bool weights = name.extension() == ".safetensors" && !name.string().ends_with(".delta.safetensors");
    if (weights && std::none_of(files.begin(), files.end(), [&](const fs::path& file) { return file.filename() == name; }))
      others.push_back(name);
  }
  std::sort(others.begin(), others.end());
  return others;
}

}  // namespace

std::optional<std::string> WeightFaults::quantization() const {
  const bool foreign = m_variant.base && m_variant.base->quantized().weights.empty();
  return foreign ? foreignQuantization(m_variant.base->checkpoint()) : std::nullopt;
}

Result<void> WeightFaults::refuseUnmerged() const {
  if (!m_variant.base) return {};
  const auto& checkpoint = m_variant.base->checkpoint();
  for (const auto& tensor : checkpoint.tensors())
    if (tensor.name.find(".lora_A.") != std::string::npos || tensor.name.find(".lora_embedding_A.") != std::string::npos)
      return fail(ErrorCode::Unsupported,
                  at({checkpoint.fileOf(tensor), tensor.name, {}}, "is part of a LoRA that was saved beside the weights"),
                  "merge it with PEFT first: model.merge_and_unload().save_pretrained(folder)");
  return {};
}

Result<void> WeightFaults::refuseUnused() const {
  if (!m_variant.base || !m_variant.payloads.empty() || !m_variant.base->checkpoint().gguf()) return {};
  std::set<std::string_view> used{"rope_freqs.weight"};  // of the configuration
  for (const auto& origin : m_variant.tensors) used.insert(origin.baseName);
  const auto& checkpoint = m_variant.base->checkpoint();
  for (const auto& tensor : checkpoint.tensors())
    if (!used.contains(tensor.name))
      return fail(ErrorCode::Unsupported,
                  at({checkpoint.fileOf(tensor), tensor.name, tensor.offset},
                     "models of this architecture have no such weight here: without it the answers would be wrong"),
                  "packing, verifying and unpacking work for every model");
  return {};
}

Error WeightFaults::missing(const fs::path& file, const WeightSpec& spec) const {
  const Location where{file, spec.own, {}};
  if (const auto method = quantization()) return needsPlainWeights(where, *method);
  const Told told = toldBy(m_variant);
  const std::string what = "the model lacks this weight, which " + std::string(told.by) + " asks for";
  const auto& prefixes = m_names.final().prefixes();
  if (prefixes.size() > 1)
    return {ErrorCode::Unsupported,
            at(where, "the files hold the weights of several models, under \"" + printable(prefixes[0]) + "\" and \"" +
                          printable(prefixes[1]) + "\""),
            "save the one to run alone, by its own names"};
  const std::uint32_t layers = rowOf(spec.role).layered ? layersIn(m_names, spec.layer, m_variant.config.names) : spec.layer;
  if (layers > 0 && layers == spec.layer && lacksLayer(m_names, layers, m_variant.config.names))
    return {ErrorCode::NotFound,
            at(where, what + ": num_hidden_layers is " + std::to_string(m_variant.config.layerCount()) +
                          " there, the weights have " + std::to_string(layers) + " layers"),
            "correct config.json or copy the one that belongs to these weights, or download the shards that are missing"};
  const Checkpoint* base = m_variant.base ? &m_variant.base->checkpoint() : nullptr;
  if (base && !base->files().empty())
    if (const auto others = unlisted(*base); !others.empty() && base->files().size() > 1)
      return {ErrorCode::NotFound, at(where, what),
              "the index does not list " + printable(others.front().string()) +
                  ", which lies in the folder; download the "
                  "index that belongs to these shards"};
  if (prefixes.empty() && base && !base->tensors().empty())
    return {ErrorCode::NotFound,
            at(where, what + "; its tensors have other names, such as " + printable(base->tensors().front().name)),
            "save it with transformers, by the names of " + m_variant.config.architecture};
  if (base && base->gguf()) return {ErrorCode::NotFound, at(where, what), std::string(told.mend)};
  return {ErrorCode::NotFound, at(where, what),
          "copy or download the model again, with all its shards and its own config.json"};
}

Error WeightFaults::wrongShape(const fs::path& file, const WeightSpec& spec, const std::vector<std::uint64_t>& shape) const {
  const Location where{file, spec.name, {}};
  if (const auto method = quantization()) return needsPlainWeights(where, *method);
  if (std::find(shape.begin(), shape.end(), 0u) != shape.end() && m_variant.base)
    return needsGatheredWeights(where, emptyWeights(m_variant.base->checkpoint()));
  const auto field = contradiction(m_variant.config, spec, shape);
  const Told told = toldBy(m_variant);
  return {ErrorCode::Mismatch,
          at(where, "its shape is " + shapeText(shape) + ", " + std::string(told.by) + " asks for " +
                        shapeText(spec.storedShape()) + (field.empty() ? "" : ": " + field)),
          std::string(told.mend)};
}

Error WeightFaults::wrongType(const fs::path& file, const WeightSpec& spec, DType type) const {
  const Location where{file, spec.name, {}};
  if (const auto method = quantization()) return needsPlainWeights(where, *method);
  return {ErrorCode::Unsupported, at(where, "weights of type " + std::string(nameOf(type)) + " cannot be run"),
          "BF16, F16 and F32 can"};
}

}  // namespace deltascope
