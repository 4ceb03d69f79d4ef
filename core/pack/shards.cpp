// SPDX-License-Identifier: Apache-2.0
#include "core/pack/shards.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

namespace deltascope {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".safetensors";
constexpr std::size_t kLongestName = 200;  // a temporary name beside it is longer

std::string numbered(std::size_t index, std::size_t count) {
  char name[64];
  std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return name;
}

/// "model-00001-of-00003": one shard of several, as its name says.
bool isOneOfSeveral(std::string_view stem) {
  const auto of = stem.rfind("-of-");
  if (of == std::string_view::npos || of == 0) return false;
  const auto isNumber = [](std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  };
  const auto number = stem.rfind('-', of - 1);
  return number != std::string_view::npos && isNumber(stem.substr(number + 1, of - number - 1)) &&
         isNumber(stem.substr(of + 4));
}

bool isKeepable(const std::string& name, bool alone) {
  if (!name.ends_with(kSuffix) || name.ends_with(".delta.safetensors") || name.size() > kLongestName ||
      name.size() == kSuffix.size() || name.front() == '.')
    return false;
  for (const char c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\') return false;
  const auto stem = std::string_view(name).substr(0, name.size() - kSuffix.size());
  // A folder's reader takes model.safetensors, or an adapter's, for the whole of it.
  return alone ? !isOneOfSeveral(stem) : stem != "model" && stem != "base" && stem != "adapter_model";
}

bool areUtf8(const std::vector<std::string>& names) {
  try {
    (void)nlohmann::json(names).dump();
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

std::string folded(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

}  // namespace

std::vector<std::string> shardNames(const std::vector<fs::path>& files) {
  const bool alone = files.size() == 1;
  std::vector<std::string> names;
  std::set<std::string> distinct;
  bool keep = true;
  for (const auto& file : files) {
    names.push_back(file.filename().string());
    keep = keep && isKeepable(names.back(), alone) && distinct.insert(folded(names.back())).second;
  }
  if (keep && areUtf8(names)) return names;
  std::vector<std::size_t> order(files.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return naturalLess(files[a].string(), files[b].string()); });
  for (std::size_t i = 0; i < order.size(); ++i) names[order[i]] = alone ? "model.safetensors" : numbered(i, order.size());
  return names;
}

ShardLayout shardsOf(const PackSources& sources) {
  const Checkpoint* const final = sources.finalCheckpoint();
  const Checkpoint* checkpoint = final;
  if (!checkpoint && sources.base() && sources.base()->quantized().weights.empty()) checkpoint = &sources.base()->checkpoint();
  std::map<fs::path, std::vector<std::string>> tensorsOf;
  for (const auto& tensor : sources.tensors()) {
    const TensorInfo* info = checkpoint ? checkpoint->find(final ? tensor.stats.name : tensor.stats.nameInBase()) : nullptr;
    if (!info) return {};
    tensorsOf[checkpoint->fileOf(*info)].push_back(tensor.stats.name);
  }
  std::vector<fs::path> files;
  for (const auto& [file, tensors] : tensorsOf) files.push_back(file);
  const auto names = shardNames(files);
  std::map<std::string, std::vector<std::string>> shards;
  for (std::size_t i = 0; i < files.size(); ++i) shards.emplace(names[i], std::move(tensorsOf[files[i]]));
  return {shards.begin(), shards.end()};
}

std::optional<FinalHeaders> headersOf(const PackSources& sources, const ShardLayout& shards) {
  const Checkpoint* const final = sources.finalCheckpoint();
  if (!final || shards.empty()) return std::nullopt;
  FinalHeaders headers;
  headers.index = final->indexMetadata();
  for (const auto& [file, names] : shards) {
    const TensorInfo* const any = names.empty() ? nullptr : final->find(names.front());
    if (!any || !final->fileOf(*any).string().ends_with(kSuffix)) return std::nullopt;
    headers.files.push_back(final->metadataOf(*any));
  }
  return headers;
}

}  // namespace deltascope
