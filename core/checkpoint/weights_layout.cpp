// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/weights_layout.h"

#include <algorithm>
#include <array>
#include <map>

#include "core/base/file.h"
#include "core/checkpoint/json.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWeights = ".safetensors";
constexpr std::string_view kIndex = ".safetensors.index.json";
constexpr std::string_view kDelta = ".delta.safetensors";
constexpr std::uint64_t kLargestIndex = 256u << 20;

/// A shard as the index names it, refused when it could lie outside the folder. Links inside are the user's own affair:
/// the Hub cache is made of them.
Result<fs::path> shardPath(const fs::path& folder, const std::string& name, const Location& where) {
  const fs::path relative(name);
  const bool leaves = std::any_of(relative.begin(), relative.end(), [](const fs::path& part) { return part == ".."; });
  if (relative.is_absolute() || leaves)
    return fail(ErrorCode::Corrupt, at(where, "names the shard \"" + printable(name) + "\" outside its folder"),
                "an index may only name files beside it");
  if (!name.ends_with(kWeights) || name.find('\0') != std::string::npos)
    return fail(ErrorCode::Unsupported,
                at(where, "names the shard \"" + printable(name) + "\", which is not a safetensors file"));
  return folder / relative.lexically_normal();
}

Result<WeightsLayout> fromIndex(const fs::path& path) {
  WeightsLayout layout;
  layout.index = path;
  layout.folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  DELTASCOPE_ASSIGN(const auto text, readTextFile(path, kLargestIndex));
  DELTASCOPE_ASSIGN(const auto index, parseJson(text, path));
  const auto map = index.is_object() ? index.find("weight_map") : index.end();
  if (map == index.end() || !map->is_object() || map->empty())
    return fail(ErrorCode::Corrupt, at({path, {}, {}}, "has no weight_map"), "it is not the index of a sharded checkpoint");
  std::map<fs::path, std::uint32_t> shards;
  for (const auto& [tensor, shard] : map->items()) {
    const Location where{path, tensor, {}};
    if (!shard.is_string()) return fail(ErrorCode::Corrupt, at(where, "its entry in weight_map is not a file name"));
    DELTASCOPE_ASSIGN(auto file, shardPath(layout.folder, shard.get_ref<const std::string&>(), where));
    shards.try_emplace(std::move(file), 0u);
  }
  for (auto& [file, number] : shards) {
    number = static_cast<std::uint32_t>(layout.shards.size());
    layout.shards.push_back(file);
  }
  layout.mapped.reserve(map->size());
  for (const auto& [tensor, shard] : map->items())
    layout.mapped.emplace_back(tensor,
                               shards.at(layout.folder / fs::path(shard.get_ref<const std::string&>()).lexically_normal()));
  return layout;
}

WeightsLayout singleFile(const fs::path& path) {
  return {path.has_parent_path() ? path.parent_path() : fs::path("."), {}, {path}, {}};
}

bool isThere(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// What lies in the folder that no name prefers: `*.safetensors` and indexes, without deltas.
Result<WeightsLayout> onlyOne(const fs::path& folder) {
  std::vector<fs::path> weights, indexes;
  bool otherFormat = false, delta = false;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const auto name = entry->path().filename().string();
    if (name.ends_with(kDelta))
      delta = true;
    else if (name.ends_with(kIndex))
      indexes.push_back(entry->path());
    else if (name.ends_with(kWeights))
      weights.push_back(entry->path());
    else if (name.ends_with(".bin") || name.ends_with(".pth") || name.ends_with(".pt") || name.ends_with(".gguf"))
      otherFormat = true;
  }
  if (error) return fail(ErrorCode::Io, at({folder, {}, {}}, "cannot be listed: " + error.message()), "check the permissions");
  if (indexes.size() == 1) return fromIndex(indexes.front());
  if (indexes.empty() && weights.size() == 1) return singleFile(weights.front());
  auto& many = indexes.empty() ? weights : indexes;
  if (!many.empty()) {
    std::sort(many.begin(), many.end());
    return fail(ErrorCode::InvalidArgument,
                at({folder, {}, {}}, "has " + std::to_string(many.size()) +
                                         (indexes.empty() ? " safetensors files and no index: " : " indexes: ") +
                                         printable(many[0].filename().string()) + ", " +
                                         printable(many[1].filename().string()) + (many.size() > 2 ? ", …" : "")),
                indexes.empty() ? "name one of the files, or add the model.safetensors.index.json that belongs to them"
                                : "name one of them");
  }
  if (delta)
    return fail(ErrorCode::NotFound, at({folder, {}, {}}, "holds a delta payload but no base"),
                "put the base's files beside it, or name the base");
  if (otherFormat)
    return fail(ErrorCode::Unsupported, at({folder, {}, {}}, "holds weights in another format than safetensors"),
                "convert them with transformers: save_pretrained(folder, safe_serialization=True)");
  return fail(ErrorCode::NotFound, at({folder, {}, {}}, "has no safetensors files"), "name a model's folder");
}

Result<WeightsLayout> inFolder(const fs::path& folder, std::string_view stem) {
  for (const auto& name : {std::string(stem), std::string("model")}) {
    if (const auto path = folder / (name + std::string(kWeights)); isThere(path)) return singleFile(path);
    if (const auto path = folder / (name + std::string(kIndex)); isThere(path)) return fromIndex(path);
  }
  if (const auto path = folder / "adapter_model.safetensors"; isThere(path)) return singleFile(path);
  return onlyOne(folder);
}

}  // namespace

Result<WeightsLayout> locateWeights(const fs::path& path, std::string_view stem) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found)
    return fail(ErrorCode::NotFound, at({path, {}, {}}, "does not exist"), "check the path");
  if (error) return fail(ErrorCode::Io, at({path, {}, {}}, "cannot be reached: " + error.message()), "check the permissions");
  if (fs::is_directory(status)) return inFolder(path, stem);
  const auto name = path.filename().string();
  if (name.ends_with(".index.json")) return fromIndex(path);
  constexpr std::array<std::string_view, 5> kOthers{".bin", ".pt", ".pth", ".pkl", ".gguf"};
  if (std::any_of(kOthers.begin(), kOthers.end(), [&](auto other) { return name.ends_with(other); }))
    return fail(ErrorCode::Unsupported, at({path, {}, {}}, "is not a safetensors file"),
                "convert it with transformers: save_pretrained(folder, safe_serialization=True)");
  return singleFile(path);
}

}  // namespace deltascope
