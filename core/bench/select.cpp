// SPDX-License-Identifier: Apache-2.0
#include "core/bench/select.h"

#include <fnmatch.h>

#include <array>

namespace deltascope {
namespace {

constexpr std::array kPresets{BenchmarkPreset::SmallAndLarge, BenchmarkPreset::OneLayer, BenchmarkPreset::WholeModel,
                              BenchmarkPreset::Generation};
/// In a request's glob: the tensors of a preset that no single pattern names.
std::string smallAndLarge() { return weightName(WeightRole::InputNorm) + "," + weightName(WeightRole::Embedding); }

/// Patterns are separated by commas, which no name of a weight has.
std::vector<std::string> patternsIn(const std::string& text) {
  std::vector<std::string> patterns;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    if (end > at) patterns.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return patterns;
}

}  // namespace

std::string_view nameOf(BenchmarkPreset preset) {
  switch (preset) {
    case BenchmarkPreset::SmallAndLarge:
      return "small-and-large";
    case BenchmarkPreset::OneLayer:
      return "one-layer";
    case BenchmarkPreset::WholeModel:
      return "whole-model";
    case BenchmarkPreset::Generation:
      break;
  }
  return "generation";
}

std::optional<BenchmarkPreset> benchmarkPresetFromName(std::string_view name) {
  for (const auto preset : kPresets)
    if (nameOf(preset) == name) return preset;
  return std::nullopt;
}

void applyPreset(BenchmarkRequest& request, BenchmarkPreset preset) {
  if (preset == BenchmarkPreset::Generation) {
    if (request.generate == 0) request.generate = kBenchmarkTokens;
    return;
  }
  if (!request.tensors.empty()) return;
  request.tensors = preset == BenchmarkPreset::SmallAndLarge ? smallAndLarge()
                    : preset == BenchmarkPreset::OneLayer    ? "model.layers.0.*"
                                                             : "*";
}

Result<std::vector<std::size_t>> chooseTensors(const Variant& variant, const std::string& glob,
                                               std::vector<BenchmarkSkip>& skipped) {
  const auto patterns = patternsIn(glob);
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < variant.tensors.size(); ++i) {
    const WeightSpec& spec = variant.tensors[i].spec;
    bool wanted = false;
    for (const auto& pattern : patterns)  // by either name: presets know the family's own
      wanted =
          wanted || fnmatch(pattern.c_str(), spec.name.c_str(), 0) == 0 || fnmatch(pattern.c_str(), spec.own.c_str(), 0) == 0;
    if (!wanted) continue;
    if (isMatrix(spec.role) || isNorm(spec.role))
      chosen.push_back(i);
    else
      skipped.push_back({spec.name,
                         {},
                         spec.own.ends_with(".bias") ? "a bias is added inside its product and has no use alone"
                                                     : "no product reads it: it is used inside an operation"});
  }
  if (chosen.empty() && skipped.empty())
    return fail(ErrorCode::NotFound, "no weight of the model is called " + printable(glob),
                "names are those that inspect lists; * and ? stand for any characters");
  return chosen;
}

std::shared_ptr<Variant> onlyTensor(const Variant& variant, std::size_t index) {
  auto one = std::make_shared<Variant>();
  one->config = variant.config;
  one->files = variant.files;
  one->base = variant.base;
  one->payloads = variant.payloads;
  one->keepScales = true;
  one->tensors.push_back(variant.tensors[index]);
  return one;
}

BenchmarkUse useOf(WeightRole role) { return isMatrix(role) ? BenchmarkUse::Product : BenchmarkUse::Norm; }

}  // namespace deltascope
