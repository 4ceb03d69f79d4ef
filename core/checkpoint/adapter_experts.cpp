// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/adapter_experts.h"

#include <algorithm>
#include <array>

namespace deltascope {
namespace {

constexpr std::string_view kLayer = ".base_layer";
/// The order in which classes of experts have their parameters.
constexpr std::array<std::string_view, 3> kOrder{"gate_up_proj", "up_proj", "down_proj"};

bool endsIn(std::string_view name, std::string_view end) {
  return name == end || (name.ends_with(end) && name[name.size() - end.size() - 1] == '.');
}

}  // namespace

std::optional<ParameterLora> parameterOf(const std::vector<std::string>& targets, std::string_view module) {
  std::size_t wrapped = 0;
  for (; module.ends_with(kLayer); ++wrapped) module.remove_suffix(kLayer.size());
  const auto isTarget = [&](std::string_view parameter) {
    const std::string name = std::string(module) + "." + std::string(parameter);
    return std::ranges::any_of(targets, [&](const std::string& target) { return endsIn(name, target); });
  };
  const std::string_view own = module.substr(module.rfind('.') + 1);
  if (own != "experts") {
    const bool listed = std::ranges::any_of(targets, [](const std::string& t) { return endsIn(t, "weight"); });
    return listed && isTarget("weight") ? std::optional(ParameterLora{std::string(module), "weight"}) : std::nullopt;
  }
  std::vector<std::string_view> trained;
  std::ranges::copy_if(kOrder, std::back_inserter(trained), isTarget);
  if (wrapped >= trained.size()) return std::nullopt;
  return ParameterLora{std::string(module), std::string(trained[trained.size() - 1 - wrapped])};
}

std::vector<std::vector<std::string_view>> partsOf(std::string_view parameter) {
  if (parameter == "gate_up_proj") return {{"gate_proj", "up_proj"}, {"w1", "w3"}};
  if (parameter == "down_proj") return {{"down_proj"}, {"w2"}};
  if (parameter == "up_proj") return {{"up_proj"}};
  return {};
}

}  // namespace deltascope
