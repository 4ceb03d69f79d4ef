// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/weights_layout.h"

#include <algorithm>
#include <map>

#include "core/base/file.h"
#include "core/checkpoint/json.h"
#include "core/checkpoint/torch_file.h"

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

/// The file of torch.save among several, by the name that transformers gives it.
const fs::path* mainOf(const std::vector<fs::path>& files) {
  if (files.size() == 1) return &files.front();
  const auto named =
      std::find_if(files.begin(), files.end(), [](const auto& f) { return f.filename() == "pytorch_model.bin"; });
  return named == files.end() ? nullptr : &*named;
}

/// What lies in the folder that no name prefers: `*.safetensors` and indexes, without deltas; where there are none, the one
/// file of torch.save.
Result<WeightsLayout> onlyOne(const fs::path& folder) {
  std::vector<fs::path> weights, indexes, torch;
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
    else if (isTorchName(entry->path()))
      torch.push_back(entry->path());
    else if (name.ends_with(".gguf"))
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
  if (const auto* file = mainOf(torch)) return singleFile(*file);
  if (!torch.empty()) {
    std::sort(torch.begin(), torch.end());
    return fail(ErrorCode::InvalidArgument,
                at({folder, {}, {}}, "has " + std::to_string(torch.size()) +
                                         " files of torch.save: " + printable(torch[0].filename().string()) + ", " +
                                         printable(torch[1].filename().string()) + (torch.size() > 2 ? ", …" : "")),
                "name one of them; shards are read from safetensors only: save_pretrained(folder, safe_serialization=True)");
  }
  if (delta)
    return fail(ErrorCode::NotFound, at({folder, {}, {}}, "holds a delta payload but no base"),
                "put the base's files beside it, or name the base");
  if (otherFormat)
    return fail(ErrorCode::Unsupported, at({folder, {}, {}}, "holds weights in a format that is not read"),
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
  if (name.ends_with(".pkl"))
    return fail(ErrorCode::Unsupported, at({path, {}, {}}, "is a pickle, not a checkpoint"),
                "payloads of the old scripts are converted by deltascope-cli import");
  if (name.ends_with(".gguf"))
    return fail(ErrorCode::Unsupported, at({path, {}, {}}, "is not a safetensors file"),
                "convert it with transformers: save_pretrained(folder, safe_serialization=True)");
  return singleFile(path);
}

}  // namespace deltascope
