// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/model_names.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <set>
#include <unordered_set>

namespace deltascope {
namespace {

constexpr std::string_view kBody = "model.", kHead = "lm_head.", kHeadWeight = "lm_head.weight", kFirstLayer = "layers.0.",
                           kNorm = "norm.weight", kEmbedding = "embed_tokens.weight";

bool removeFront(std::string_view& name, std::string_view front) {
  if (!name.starts_with(front)) return false;
  name.remove_prefix(front.size());
  return true;
}

/// "a.b." → "a." → "": where the head of a body with this prefix may be.
std::optional<std::string> parentOf(std::string_view prefix) {
  if (prefix.empty()) return std::nullopt;
  prefix.remove_suffix(1);
  const auto dot = prefix.rfind('.');
  return std::string(dot == std::string_view::npos ? std::string_view() : prefix.substr(0, dot + 1));
}

using Names = std::unordered_set<std::string>;

/// The longest way up from the body that has an lm_head.
std::optional<std::string> headOf(const std::string& body, const Names& names) {
  for (std::optional<std::string> prefix = body; prefix; prefix = parentOf(*prefix))
    if (names.contains(*prefix + std::string(kHeadWeight))) return prefix;
  return std::nullopt;
}

/// Prefixes of a first layer with a final norm beside it, and an embedding; where none has an embedding, those with a head.
std::vector<std::string> bodiesIn(const Names& names) {
  std::set<std::string> bodies;
  for (const auto& name : names)
    for (auto at = name.find(kFirstLayer); at != std::string::npos; at = name.find(kFirstLayer, at + 1))
      if (at == 0 || name[at - 1] == '.') bodies.insert(name.substr(0, at));
  std::erase_if(bodies, [&](const auto& body) { return !names.contains(body + std::string(kNorm)); });
  std::vector<std::string> found;
  for (const auto& body : bodies)
    if (names.contains(body + std::string(kEmbedding))) found.push_back(body);
  if (found.empty())
    std::copy_if(bodies.begin(), bodies.end(), std::back_inserter(found),
                 [&](const auto& body) { return headOf(body, names).has_value(); });
  return found;
}

}  // namespace

std::string withoutWrappers(std::string_view name) {
  constexpr std::array<std::string_view, 4> kParts{"_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.",
                                                   "base_layer."};
  std::string plain;
  while (!name.empty()) {
    if (std::any_of(kParts.begin(), kParts.end(), [&](std::string_view part) { return removeFront(name, part); })) continue;
    if (plain.empty() && (removeFront(name, "module.") || removeFront(name, "base_model.model."))) continue;
    const auto dot = std::min(name.find('.'), name.size() - 1);
    plain.append(name.substr(0, dot + 1));
    name.remove_prefix(dot + 1);
  }
  return plain;
}

ModelNames ModelNames::among(const std::vector<std::string_view>& stored) {
  ModelNames names;
  names.m_gguf = ggufNaming(stored);
  Names plain;
  for (const auto name : stored) plain.insert(names.plainOf(name));
  names.m_prefixes = bodiesIn(plain);
  for (const auto* first : {"model.", ""})
    if (const auto found = std::find(names.m_prefixes.begin(), names.m_prefixes.end(), first); found != names.m_prefixes.end())
      names.m_prefixes = {first};
  names.m_found = names.m_prefixes.size() == 1;
  if (names.m_found) {
    names.m_body = names.m_prefixes.front();
    names.m_head = headOf(names.m_body, plain).value_or("");
  }
  for (const auto name : stored) {
    const auto [entry, isNew] = names.m_stored.try_emplace(names.own(name), name);
    if (!isNew && entry->first != entry->second && entry->first != name) names.m_prefixes = {entry->second, std::string(name)};
    if (!isNew && entry->first == name) entry->second = name;
  }
  if (names.m_prefixes.size() > 1)  // none is taken: what is stored by its own name can still be found
    std::erase_if(names.m_stored, [](const auto& entry) { return entry.first != entry.second; });
  return names;
}

std::string ModelNames::ownOf(std::string_view plain) const {
  if (!m_found) return std::string(plain);
  if (plain.starts_with(m_head) && plain.substr(m_head.size()).starts_with(kHead))
    return std::string(plain.substr(m_head.size()));
  if (!plain.starts_with(m_body)) return std::string(plain);
  const auto rest = plain.substr(m_body.size());
  constexpr std::array<std::string_view, 6> kParts{"layers.",
                                                   "norm.",
                                                   "embed_tokens.",
                                                   "embed_tokens_per_layer.",
                                                   "per_layer_model_projection.",
                                                   "per_layer_projection_norm."};
  const bool inBody = std::any_of(kParts.begin(), kParts.end(), [&](std::string_view part) { return rest.starts_with(part); });
  return inBody ? std::string(kBody).append(rest) : std::string(plain);
}

/// Without wrappers, and in the class's spelling.
std::string ModelNames::plainOf(std::string_view stored) const {
  if (m_gguf.used)
    if (auto name = nameFromGguf(stored, m_gguf.sandwich)) return std::move(*name);
  return withoutWrappers(stored);
}

std::string ModelNames::own(std::string_view stored) const { return ownOf(plainOf(stored)); }

const std::string* ModelNames::stored(std::string_view own) const {
  auto found = m_stored.find(std::string(own));
  if (found == m_stored.end() && own.starts_with(kBody)) found = m_stored.find(std::string(own.substr(kBody.size())));
  return found == m_stored.end() ? nullptr : &found->second;
}

}  // namespace deltascope
