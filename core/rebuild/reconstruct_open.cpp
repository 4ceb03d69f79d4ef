// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/rebuild/reconstruct.h"
#include "core/scripts/scripts.h"
#include "core/source/base_fit.h"
#include "core/source/layout.h"

namespace deltascope {
namespace {

Result<void> checkBaseTensor(const ReconstructionSource& source, const TensorStats& tensor) {
  const auto misfit = baseMisfit(*source.base, tensor);
  if (!misfit) return {};
  return fail(ErrorCode::Mismatch, at({baseFileOf(source, tensor.nameInBase()), tensor.name, std::nullopt}, *misfit),
              "this is not the base that " + source.files.payload.string() + " was made over");
}

bool hasBase(const TensorStats& tensor) { return tensor.base != BaseKind::None; }

tl::unexpected<Error> baseNeeded(const Payload& payload) {
  std::string made;
  if (const auto name = payload.facts().find("base"); name != payload.facts().end()) made = ", made over " + name->second;
  return fail(ErrorCode::NotFound, at({payload.path(), {}, std::nullopt}, "a delta needs its base" + made),
              "give it with --base DIR");
}

}  // namespace

std::filesystem::path baseFileOf(const ReconstructionSource& source, std::string_view tensor) {
  const Checkpoint& checkpoint = source.base->checkpoint();
  const TensorInfo* info = checkpoint.find(tensor);
  return info ? checkpoint.fileOf(*info) : source.files.base;
}

Result<ReconstructionSource> openForReconstruction(const std::filesystem::path& path, const std::filesystem::path& base) {
  DELTASCOPE_ASSIGN(ModelFiles files, locateModel(path, base));
  DELTASCOPE_TRY(refuseScripts(files));
  if (files.kind == ModelFiles::Kind::Checkpoint)
    return fail(ErrorCode::InvalidArgument, at({files.path, {}, std::nullopt}, "a plain checkpoint, with no delta inside"),
                "name a packed model's folder or a .delta.safetensors file");
  DELTASCOPE_ASSIGN(Payload payload, Payload::open(files.payload));
  ReconstructionSource source{std::move(files), std::move(payload), std::nullopt};
  const auto& tensors = source.payload.tensors();
  if (std::none_of(tensors.begin(), tensors.end(), hasBase)) return source;
  if (source.files.base.empty()) return baseNeeded(source.payload);
  DELTASCOPE_ASSIGN(source.base,
                    BaseModel::open(source.files.base,
                                    source.files.kind == ModelFiles::Kind::PackedModel && base.empty() ? kBaseStem : "model"));
  for (const auto& tensor : tensors)
    if (hasBase(tensor)) DELTASCOPE_TRY(checkBaseTensor(source, tensor));
  return source;
}

}  // namespace deltascope
