// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/checkpoint.h"
#include "core/pipeline/layout.h"
#include "core/pipeline/pipeline.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

bool isFile(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool isFolder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool hasPackedBase(const fs::path& folder) {
  return isFile(folder / "base.safetensors") || isFile(folder / "base.safetensors.index.json");
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
    }
    return files;
  }
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

}  // namespace deltascope
