// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>

#include "core/checkpoint/model_names.h"
#include "core/inspect/inspect.h"
#include "core/model/roles.h"

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
  constexpr std::array<std::string_view, 7> kStacks{"layers", "h", "blocks", "block", "layer", "encoder", "blk"};
  for (std::size_t i = 0; i + 1 < parts.size(); ++i)
    if (std::find(kStacks.begin(), kStacks.end(), parts[i]) != kStacks.end())
      if (const auto layer = number(parts[i + 1])) return *layer;
  return -1;
}

}  // namespace

TensorRole tensorRole(std::string_view name) {
  std::string plain = withoutWrappers(name);
  if (auto own = nameFromGguf(plain, false)) plain = std::move(*own);
  Parts parts = split(plain);
  TensorRole role;
  role.layer = layerOf(parts);
  std::string_view suffix;
  if (parts.size() > 1 && (parts.back() == "weight" || parts.back() == "bias")) {
    if (parts.back() == "bias") suffix = ".bias";
    parts.pop_back();
  }
  const RoleRow* row = roleOfModule(parts.back());
  role.kind = row ? row->kind : parts.back();
  role.kind += suffix;
  return role;
}

}  // namespace deltascope
