// SPDX-License-Identifier: Apache-2.0
#include "core/source/locate.h"

#include <algorithm>

#include "core/base/file.h"
#include "core/checkpoint/checkpoint.h"
#include "core/source/layout.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

bool hasPackedBase(const fs::path& folder) {
  return isFile(folder / "base.safetensors") || isFile(folder / "base.safetensors.index.json");
}

constexpr std::string_view kScriptsSuffix = ".pkl";

std::vector<fs::path> picklesIn(const fs::path& folder) {
  std::vector<fs::path> pickles;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == kScriptsSuffix && isFile(entry->path())) pickles.push_back(entry->path());
  std::sort(pickles.begin(), pickles.end());
  return pickles;
}

/// `files.path` is a pickle, or a folder with base_model.pth.
Result<ModelFiles> locateScripts(ModelFiles files) {
  files.kind = ModelFiles::Kind::Scripts;
  fs::path folder = files.path;
  if (isFolder(files.path)) {
    const auto pickles = picklesIn(files.path);
    if (pickles.size() > 1)
      return fail(ErrorCode::InvalidArgument,
                  at({files.path, {}, {}}, "has " + std::to_string(pickles.size()) +
                                               " payloads of the scripts: " + printable(pickles[0].filename().string()) + ", " +
                                               printable(pickles[1].filename().string()) + (pickles.size() > 2 ? ", …" : "")),
                  "name one of them");
    files.payload = pickles.front();
  } else {
    files.payload = files.path;
    folder = files.path.parent_path();
  }
  const auto beside = folder / kScriptsBaseName;
  if (files.base.empty() && isFile(beside)) files.base = beside;
  return files;
}

}  // namespace

Result<ModelFiles> locateModel(const fs::path& path, const fs::path& base) {
  ModelFiles files;
  DELTASCOPE_ASSIGN(files.path, resolveModel(path.string()));
  if (!base.empty()) {
    DELTASCOPE_ASSIGN(files.base, resolveModel(base.string()));
  }
  if (isFolder(files.path)) {
    if (isFile(files.path / kPackedPayloadName)) {
      files.kind = ModelFiles::Kind::PackedModel;
      files.payload = files.path / kPackedPayloadName;
      if (files.base.empty()) files.base = files.path;
    } else if (isFile(files.path / kScriptsBaseName) && !picklesIn(files.path).empty()) {
      return locateScripts(std::move(files));
    }
    return files;
  }
  if (files.path.extension() == kScriptsSuffix) return locateScripts(std::move(files));
  if (!files.path.filename().string().ends_with(".delta.safetensors")) return files;
  files.payload = files.path;
  const fs::path folder = files.path.parent_path();
  if (files.path.filename() == kPackedPayloadName && files.base.empty() && hasPackedBase(folder.empty() ? "." : folder)) {
    files.kind = ModelFiles::Kind::PackedModel;
    files.base = files.path = folder.empty() ? "." : folder;
  } else {
    files.kind = ModelFiles::Kind::Payload;
  }
  return files;
}

Result<void> refuseScripts(const ModelFiles& files) {
  if (files.kind != ModelFiles::Kind::Scripts) return {};
  return fail(ErrorCode::Unsupported, at({files.payload, {}, {}}, "a payload of the old scripts"),
              "convert it: deltascope-cli import " + files.path.string() + " --out FILE.delta.safetensors");
}

}  // namespace deltascope
