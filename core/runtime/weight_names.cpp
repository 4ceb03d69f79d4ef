// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/weight_names.h"

#include <algorithm>
#include <map>

namespace deltascope {
namespace {

ModelNames namesIn(const Payload& payload) {
  std::vector<std::string_view> names;
  for (const auto& tensor : payload.tensors()) names.push_back(tensor.name);
  return ModelNames::among(names);
}

ModelNames namesIn(const BaseModel& base) {
  std::vector<std::string_view> names;
  for (const auto& weight : base.weights()) names.push_back(weight.name);
  return ModelNames::among(names);
}

/// safetensors' save_model stores shared tensors once, and the other name as metadata: its value is the name that is stored.
bool isAlias(const std::map<std::string, std::string>& metadata, const std::string& missing, const std::string& stored) {
  return std::ranges::any_of(
      metadata, [&](const auto& entry) { return withoutWrappers(entry.first).ends_with(missing) && entry.second == stored; });
}

/// Of the file that holds this tensor of the final, as the last payload tells it or the checkpoint has it.
std::map<std::string, std::string> metadataOf(const Variant& variant, const std::string& stored) {
  const Payload* const payload = variant.payloads.empty() ? nullptr : variant.payloads.back().get();
  if (payload && payload->headers()) {
    for (std::size_t i = 0; i < payload->shards().size(); ++i)
      if (std::ranges::find(payload->shards()[i].second, stored) != payload->shards()[i].second.end())
        return payload->headers()->files[i];
    return {};
  }
  if (!variant.base) return {};
  const TensorInfo* const tensor = variant.base->checkpoint().find(stored);
  return tensor ? variant.base->checkpoint().metadataOf(*tensor) : std::map<std::string, std::string>{};
}

}  // namespace

WeightNames::WeightNames(const Variant& variant) {
  for (auto payload = variant.payloads.rbegin(); payload != variant.payloads.rend(); ++payload)
    m_sources.push_back(namesIn(**payload));
  const Checkpoint* base = variant.base ? &variant.base->checkpoint() : nullptr;
  if (base) m_sources.push_back(namesIn(*variant.base));
  if (m_sources.empty()) m_sources.push_back(ModelNames::among({}));

  const std::string headName = weightName(WeightRole::Head);
  const auto* head = final().stored(headName);
  const auto* embedding = final().stored(weightName(WeightRole::Embedding));
  const bool aliased = !(head && embedding) && ((head && isAlias(metadataOf(variant, *head), "embed_tokens.weight", *head)) ||
                                                (embedding && isAlias(metadataOf(variant, *embedding), headName, *embedding)));
  m_tied = (variant.config.tiedEmbeddings || aliased) && !(head && embedding);
  m_headAlone = m_tied && head;
}

std::string WeightNames::stored(const std::string& own) const {
  if (m_headAlone && own == weightName(WeightRole::Embedding)) return *final().stored(weightName(WeightRole::Head));
  for (const auto& names : m_sources)
    if (const auto* found = names.stored(own)) return *found;
  return own;
}

bool WeightNames::has(const std::string& own) const {
  return std::ranges::any_of(m_sources, [&](const ModelNames& names) { return names.stored(own) != nullptr; });
}

}  // namespace deltascope
