// SPDX-License-Identifier: Apache-2.0
#include "core/source/final_config.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/checkpoint/adapter.h"
#include "core/checkpoint/json.h"

namespace deltascope {
namespace {

constexpr const char* kVocabulary = "vocab_size";
constexpr const char* kTie = "tie_word_embeddings";

/// Sets the vocabulary that `fields` gives to the rows of the tensor that has as many in the base; false when there is none.
bool resizeVocabulary(nlohmann::ordered_json& fields, std::span<const TensorStats> tensors) {
  const auto found = fields.find(kVocabulary);
  if (found == fields.end() || !found->is_number_unsigned()) return false;
  for (const auto& tensor : tensors) {
    if (tensor.baseShape.empty() || tensor.baseShape.front() != found->get<std::uint64_t>()) continue;
    *found = tensor.shape.front();
    return true;
  }
  return false;
}

/// Whether the final has a head over the base's embedding, and that embedding too: an adapter parted what the base ties. A head
/// alone is the tied matrix under its other name.
bool isUntied(std::span<const TensorStats> tensors) {
  return std::ranges::any_of(tensors, [&](const TensorStats& head) {
    return isHead(head.name) && !head.baseName.empty() && !isHead(head.baseName) &&
           std::ranges::any_of(tensors,
                               [&](const TensorStats& t) { return &t != &head && t.nameInBase() == head.nameInBase(); });
  });
}

/// In the text part too, where that has a word of its own.
void untie(nlohmann::ordered_json& config) {
  config[kTie] = false;
  if (const auto inner = config.find("text_config"); inner != config.end() && inner->is_object() && inner->contains(kTie))
    (*inner)[kTie] = false;
}

}  // namespace

std::string configForFinal(const std::string& text, const std::filesystem::path& path, std::span<const TensorStats> tensors) {
  const auto parsed = parseJson(text, path);
  if (!parsed || !parsed->is_object()) return text;                              // what is no JSON says nothing
  auto config = nlohmann::ordered_json::parse(text, nullptr, false);             // keeps the order of keys
  if (config.is_discarded()) return withoutMember(text, "quantization_config");  // NaN and its like, as Python writes them
  bool changed = config.erase("quantization_config") > 0;
  if (resizeVocabulary(config, tensors)) changed = true;
  if (const auto inner = config.find("text_config"); inner != config.end() && inner->is_object())
    changed = resizeVocabulary(*inner, tensors) || changed;
  if (isUntied(tensors)) {
    untie(config);
    changed = true;
  }
  return changed ? config.dump(2) + "\n" : text;
}

}  // namespace deltascope
