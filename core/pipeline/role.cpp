// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "core/checkpoint/model_names.h"
#include "core/pipeline/inspect.h"

namespace deltascope {
namespace {

using Parts = std::vector<std::string_view>;

Parts split(std::string_view name) {
  Parts parts;
  for (;;) {
    const auto dot = name.find('.');
    parts.push_back(name.substr(0, dot));
    if (dot == std::string_view::npos) return parts;
    name.remove_prefix(dot + 1);
  }
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

/// The number that follows the name of a stack of layers; the first of them, so that experts stay inside their layer.
int layerOf(const Parts& parts) {
  constexpr std::array<std::string_view, 6> kStacks{"layers", "h", "blocks", "block", "layer", "encoder"};
  for (std::size_t i = 0; i + 1 < parts.size(); ++i)
    if (std::find(kStacks.begin(), kStacks.end(), parts[i]) != kStacks.end())
      if (const auto layer = number(parts[i + 1])) return *layer;
  return -1;
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 25> kKinds{{
    {"q_proj", "q"},
    {"k_proj", "k"},
    {"v_proj", "v"},
    {"o_proj", "o"},
    {"out_proj", "o"},
    {"gate_proj", "gate"},
    {"up_proj", "up"},
    {"down_proj", "down"},
    {"wq", "q"},
    {"wk", "k"},
    {"wv", "v"},
    {"wo", "o"},
    {"w1", "gate"},
    {"w2", "down"},
    {"w3", "up"},
    {"query", "q"},
    {"key", "k"},
    {"value", "v"},
    {"embed_tokens", "embed"},
    {"wte", "embed"},
    {"tok_embeddings", "embed"},
    {"word_embeddings", "embed"},
    {"embed_in", "embed"},
    {"lm_head", "head"},
    {"embed_out", "head"},
}};

bool isNorm(std::string_view part) { return part.find("norm") != std::string_view::npos || part.starts_with("ln_"); }

}  // namespace

TensorRole tensorRole(std::string_view name) {
  const std::string plain = withoutWrappers(name);
  Parts parts = split(plain);
  TensorRole role;
  role.layer = layerOf(parts);
  std::string_view suffix;
  if (parts.size() > 1 && (parts.back() == "weight" || parts.back() == "bias")) {
    if (parts.back() == "bias") suffix = ".bias";
    parts.pop_back();
  }
  const std::string_view last = parts.back();
  role.kind = last;
  for (const auto& [part, kind] : kKinds)
    if (last == part) role.kind = kind;
  if (isNorm(last) || (last == "weight" && parts.size() > 1 && isNorm(parts[parts.size() - 2]))) role.kind = "norm";
  role.kind += suffix;
  return role;
}

}  // namespace deltascope
