// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/weights_layout.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "core/base/file.h"
#include "core/checkpoint/foreign.h"
#include "core/checkpoint/gguf_layout.h"
#include "core/checkpoint/json.h"
#include "core/checkpoint/torch_file.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWeights = ".safetensors";
constexpr std::string_view kIndex = ".safetensors.index.json", kTorchIndex = ".bin.index.json";
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
  if (!(name.ends_with(kWeights) || isTorchName(relative)) || name.find('\0') != std::string::npos)
    return fail(ErrorCode::Unsupported,
                at(where, "names the shard \"" + printable(name) + "\", which is not a safetensors file"));
  return folder / relative.lexically_normal();
}

Result<WeightsLayout> fromIndex(const fs::path& path) {
  WeightsLayout layout;
  layout.index = path;
  layout.folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  DELTASCOPE_ASSIGN(const auto index, readModelJson(path, kLargestIndex));
  const auto map = index.is_object() ? index.find("weight_map") : index.end();
  if (map == index.end() || !map->is_object() || map->empty())
    return fail(ErrorCode::Corrupt, at({path, {}, {}}, "has no weight_map"), "it is not the index of a sharded checkpoint");
  std::set<fs::path> shards;
  for (const auto& [tensor, shard] : map->items()) {
    const Location where{path, tensor, {}};
    if (!shard.is_string()) return fail(ErrorCode::Corrupt, at(where, "its entry in weight_map is not a file name"));
    DELTASCOPE_ASSIGN(auto file, shardPath(layout.folder, shard.get_ref<const std::string&>(), where));
    shards.insert(std::move(file));
  }
  layout.shards.assign(shards.begin(), shards.end());
  if (const auto said = index.find("metadata"); said != index.end() && said->is_object()) layout.indexMetadata = said->dump();
  return layout;
}

/// All parts of what this file is one of.
WeightsLayout ggufFiles(const fs::path& path) {
  return {path.has_parent_path() ? path.parent_path() : fs::path("."), {}, {}, ggufParts(path)};
}

WeightsLayout singleFile(const fs::path& path) {
  return {path.has_parent_path() ? path.parent_path() : fs::path("."), {}, {}, {path}};
}

/// What trainers save beside the weights, by torch.save too.
bool isTrainersOwn(std::string_view name) {
  constexpr std::array<std::string_view, 6> kNames{"training_args.", "optimizer.", "scheduler.",
                                                   "scaler.",        "rng_state",  "sampler."};
  return std::any_of(kNames.begin(), kNames.end(), [&](std::string_view start) { return name.starts_with(start); });
}

/// What lies in a folder, by name.
struct Contents {
  std::vector<fs::path> weights, indexes, torch, torchIndexes, gguf;
  std::optional<fs::path> unfinished;  ///< a download that did not come to its end
  std::optional<std::pair<fs::path, ForeignFile>> foreign;
  bool delta = false, snapshots = false;
};

bool isUnfinished(std::string_view name) {
  constexpr std::array<std::string_view, 6> kEndings{".incomplete", ".part", ".partial", ".crdownload", ".aria2", ".download"};
  return std::any_of(kEndings.begin(), kEndings.end(), [&](std::string_view ending) { return name.ends_with(ending); });
}

/// huggingface_hub keeps what it has so far in the cache's blobs, or below the folder that it downloads to.
std::optional<fs::path> unfinishedBeside(const fs::path& folder) {
  for (const auto& place : {folder / ".cache" / "huggingface" / "download", folder / ".." / ".." / "blobs"}) {
    std::error_code error;
    for (fs::directory_iterator entry(place, error), end; !error && entry != end; entry.increment(error))
      if (isUnfinished(entry->path().filename().string())) return entry->path();
  }
  return std::nullopt;
}

Result<Contents> contentsOf(const fs::path& folder) {
  Contents found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const auto& path = entry->path();
    const auto name = path.filename().string();
    if (name.ends_with(kDelta))
      found.delta = true;
    else if (name.ends_with(kIndex))
      found.indexes.push_back(path);
    else if (name.ends_with(kTorchIndex))
      found.torchIndexes.push_back(path);
    else if (name.ends_with(kWeights))
      found.weights.push_back(path);
    else if (isTorchName(path) && !isTrainersOwn(name))
      found.torch.push_back(path);
    else if (isWholeGguf(path))
      found.gguf.push_back(path);
    else if (isUnfinished(name))
      found.unfinished = path;
    else if (name == "snapshots")
      found.snapshots = true;
    else if (auto foreign = foreignName(path))
      found.foreign.emplace(path, std::move(*foreign));
  }
  if (error) return fail(ErrorCode::Io, at({folder, {}, {}}, "cannot be listed: " + error.message()), "check the permissions");
  return found;
}

const fs::path* named(const std::vector<fs::path>& files, std::string_view name) {
  const auto found = std::find_if(files.begin(), files.end(), [&](const auto& f) { return f.filename() == name; });
  return found == files.end() ? nullptr : &*found;
}

/// Several that no name prefers.
tl::unexpected<Error> severalOf(std::vector<fs::path> files, const fs::path& folder, const char* what, const char* hint) {
  std::sort(files.begin(), files.end());
  return fail(ErrorCode::InvalidArgument,
              at({folder, {}, {}}, "has " + std::to_string(files.size()) + what + printable(files[0].filename().string()) +
                                       ", " + printable(files[1].filename().string()) + (files.size() > 2 ? ", …" : "")),
              hint);
}

tl::unexpected<Error> nothingIn(const fs::path& folder, const Contents& found) {
  auto unfinished = found.unfinished;
  if (!unfinished) unfinished = unfinishedBeside(folder);
  if (unfinished)
    return fail(ErrorCode::NotFound,
                at({folder, {}, {}}, "its download did not come to its end: " +
                                         printable(unfinished->lexically_normal().string()) + " is a part of a file"),
                downloadAgain(folder));
  if (found.delta)
    return fail(ErrorCode::NotFound, at({folder, {}, {}}, "holds a delta payload but no base"),
                "put the base's files beside it, or name the base");
  if (found.foreign)
    return fail(ErrorCode::Unsupported,
                at({folder, {}, {}}, "holds weights in a format that is not read: " + found.foreign->second.what + ", " +
                                         printable(found.foreign->first.filename().string())),
                found.foreign->second.hint);
  if (found.snapshots)
    return fail(ErrorCode::InvalidArgument,
                at({folder, {}, {}}, "is a model's folder in the Hub's cache, not the model's files"),
                "name the model by its id org/name, or the folder of a commit below snapshots");
  return fail(ErrorCode::NotFound, at({folder, {}, {}}, "has no safetensors files"),
              downloadAgain(folder, "name a model's folder"));
}

/// What lies in the folder that no name prefers: `*.safetensors` and indexes, without deltas; where there are none, the files
/// of torch.save.
Result<WeightsLayout> onlyOne(const fs::path& folder) {
  DELTASCOPE_ASSIGN(const Contents found, contentsOf(folder));
  if (found.indexes.size() == 1) return fromIndex(found.indexes.front());
  if (found.indexes.size() > 1) return severalOf(found.indexes, folder, " indexes: ", "name one of them");
  if (found.weights.size() == 1) return singleFile(found.weights.front());
  if (found.weights.size() > 1)
    return severalOf(found.weights, folder, " safetensors files and no index: ",
                     "name one of the files, or add the model.safetensors.index.json that belongs to them");
  for (const auto* name : {"pytorch_model.bin", "adapter_model.bin"})
    if (const auto* file = named(found.torch, name)) return singleFile(*file);
  if (found.torchIndexes.size() == 1) return fromIndex(found.torchIndexes.front());
  if (found.torchIndexes.size() > 1) return severalOf(found.torchIndexes, folder, " indexes: ", "name one of them");
  if (found.torch.size() == 1) return singleFile(found.torch.front());
  if (!found.torch.empty())
    return severalOf(found.torch, folder, " files of torch.save and no index: ",
                     "name one of them, or add the pytorch_model.bin.index.json that belongs to them");
  if (found.gguf.size() == 1) return ggufFiles(found.gguf.front());
  if (!found.gguf.empty()) return severalOf(found.gguf, folder, " GGUF files: ", "name one of them");
  return nothingIn(folder, found);
}

Result<WeightsLayout> inFolder(const fs::path& folder, std::string_view stem) {
  for (const auto& name : {std::string(stem), std::string("model"), std::string("adapter_model")}) {
    if (const auto path = folder / (name + std::string(kWeights)); isNamed(path)) return singleFile(path);
    if (const auto path = folder / (name + std::string(kIndex)); isNamed(path)) return fromIndex(path);
  }
  return onlyOne(folder);
}

}  // namespace

Result<WeightsLayout> locateWeights(const fs::path& path, std::string_view stem) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found && !isNamed(path))
    return fail(ErrorCode::NotFound, at({path, {}, {}}, "does not exist"), "check the path");
  if (error && !isNamed(path))
    return fail(ErrorCode::Io, at({path, {}, {}}, "cannot be reached: " + error.message()), "check the permissions");
  if (fs::is_directory(status)) return inFolder(path, stem);
  const auto name = path.filename().string();
  if (name.ends_with(".index.json")) return fromIndex(path);
  if (name.ends_with(".pkl"))
    return fail(ErrorCode::Unsupported, at({path, {}, {}}, "is a pickle, not a checkpoint"),
                "payloads of the old scripts are converted by deltascope-cli import");
  if (isGgufName(path)) return ggufFiles(path);
  if (auto foreign = foreignName(path))
    return fail(ErrorCode::Unsupported, at({path, {}, {}}, "is in a format that is not read: " + foreign->what),
                std::move(foreign->hint));
  return singleFile(path);
}

}  // namespace deltascope
