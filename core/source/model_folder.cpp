// SPDX-License-Identifier: Apache-2.0
#include "core/source/model_folder.h"

#include <algorithm>

#include "core/base/file.h"
#include "core/checkpoint/gguf_companions.h"
#include "core/payload/payload_companions.h"
#include "core/source/layout.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

fs::path folderOf(const fs::path& path) {
  if (isFolder(path)) return path;
  return path.parent_path().empty() ? fs::path(".") : path.parent_path();
}

/// A GGUF file speaks for itself, whatever lies beside it.
Result<std::shared_ptr<const CompanionSource>> filesOf(const fs::path& model) {
  auto folder = std::make_shared<FolderCompanions>(folderOf(model));
  if (!isGgufName(model) && folder->has(kConfigFile)) return folder;
  auto checkpoint = Checkpoint::open(model);
  if (!checkpoint && isGgufName(model)) return tl::make_unexpected(checkpoint.error());  // its neighbours are another model's
  if (!checkpoint || !checkpoint->gguf()) return folder;
  return std::make_shared<GgufCompanions>(std::make_shared<const Checkpoint>(std::move(*checkpoint)));
}

Result<std::shared_ptr<const CompanionSource>> lowestFiles(const ModelFiles& files) {
  if (files.payload.empty()) return filesOf(files.path);
  auto own = std::make_shared<FolderCompanions>(folderOf(files.payload));
  if (files.base.empty() || own->has(kConfigFile)) return own;
  return filesOf(files.base);
}

}  // namespace

Result<std::shared_ptr<const ModelFolder>> ModelFolder::open(const ModelPlace& place) {
  const std::shared_ptr<ModelFolder> folder(new ModelFolder(place));
  DELTASCOPE_TRY(folder->openPayloads());
  DELTASCOPE_TRY(folder->stackCompanions());
  return folder;
}

Result<void> ModelFolder::openPayloads() {
  if (m_place.baseOnly && !m_place.payloads.empty())
    return fail(ErrorCode::InvalidArgument, "the base alone was asked for, and payloads over it", "leave out one of the two");
  DELTASCOPE_ASSIGN(m_files, locateModel(m_place.path, m_place.base));
  DELTASCOPE_TRY(refuseScripts(m_files));
  if (!m_place.baseOnly && m_files.kind != ModelFiles::Kind::Checkpoint) DELTASCOPE_TRY(addPayload(m_files.payload));
  for (const auto& path : m_place.payloads) {
    DELTASCOPE_ASSIGN(const ModelFiles files, locateModel(path));
    DELTASCOPE_TRY(refuseScripts(files));
    if (files.payload.empty())
      return fail(ErrorCode::InvalidArgument, at({files.path, {}, {}}, "is not a payload"),
                  "payloads end in .delta.safetensors; pack makes them, from adapters too");
    DELTASCOPE_TRY(addPayload(files.payload));
  }
  return {};
}

Result<void> ModelFolder::addPayload(const fs::path& path) {
  DELTASCOPE_ASSIGN(Payload payload, Payload::open(path));
  m_payloads.push_back(std::make_shared<const Payload>(std::move(payload)));
  return {};
}

Result<void> ModelFolder::stackCompanions() {
  DELTASCOPE_ASSIGN(m_lowest, lowestFiles(m_files));
  auto stack = std::make_shared<StackedCompanions>(m_lowest);
  for (const auto& payload : m_payloads) {
    // A packed model's own files lie in its folder.
    if (payload->path() == m_files.payload && m_files.kind == ModelFiles::Kind::PackedModel && payload->companions().empty())
      continue;
    stack->add(std::make_shared<PayloadCompanions>(payload));
  }
  m_companions = std::move(stack);
  return {};
}

Result<std::shared_ptr<BaseModel>> ModelFolder::openBase(ScaleReading scales) const {
  const fs::path& path = m_files.kind == ModelFiles::Kind::Checkpoint ? m_files.path : m_files.base;
  if (path.empty()) {
    const auto needs = [](const TensorStats& tensor) { return tensor.base != BaseKind::None; };
    if (m_place.baseOnly || (!m_payloads.empty() && std::ranges::any_of(m_payloads.front()->tensors(), needs)))
      return fail(ErrorCode::NotFound, at({m_files.payload, {}, {}}, "a delta needs its base"), "give it with --base DIR");
    return nullptr;
  }
  const bool packed = m_files.kind == ModelFiles::Kind::PackedModel && path == m_files.path;
  DELTASCOPE_ASSIGN(BaseModel base, BaseModel::open(path, packed ? kBaseStem : "model", scales, m_lowest));
  return std::make_shared<BaseModel>(std::move(base));
}

}  // namespace deltascope
