// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/pipeline/layout.h"
#include "core/pipeline/reconstruct.h"
#include "core/pipeline/scripts.h"

namespace deltascope {
namespace {

/// How a base holds a tensor, in words.
std::string inWords(BaseKind kind) { return kind == BaseKind::Same ? "unquantized" : "as " + std::string(nameOf(kind)); }

tl::unexpected<Error> wrongBase(const ReconstructionSource& source, const TensorStats& tensor, const std::string& what) {
  return fail(ErrorCode::Mismatch, at({baseFileOf(source, tensor.name), tensor.name, std::nullopt}, what),
              "this is not the base that " + source.files.payload.string() + " was made over");
}

Result<void> checkBaseTensor(const ReconstructionSource& source, const TensorStats& tensor) {
  const BaseModel& base = *source.base;
  const BaseKind kind = base.kindOf(tensor.name, tensor.dtype);
  if (kind == BaseKind::None) return wrongBase(source, tensor, "the base has no such tensor of a type that fits");
  if (kind != tensor.base)
    return wrongBase(source, tensor, "the base holds it " + inWords(kind) + ", the payload expects it " + inWords(tensor.base));
  if (const auto* shape = base.shapeOf(tensor.name, tensor.dtype); !shape || *shape != tensor.shape)
    return wrongBase(
        source, tensor,
        "its shape is " + (shape ? shapeText(*shape) : "unknown") + ", the payload expects " + shapeText(tensor.shape));
  if (base.storedBytes(tensor.name) != tensor.baseBytes)
    return wrongBase(source, tensor,
                     "the base stores " + std::to_string(base.storedBytes(tensor.name)) +
                         " bytes for it, the payload expects " + std::to_string(tensor.baseBytes));
  return {};
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
