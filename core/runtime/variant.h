// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The files behind a request: a base or checkpoint, payloads over it, and how each weight of the model follows from them.
/// Internal to core/runtime.
#include <memory>
#include <vector>

#include "core/model/weights.h"
#include "core/payload/payload.h"
#include "core/quant/element_type.h"
#include "core/runtime/companions.h"
#include "core/source/base_model.h"
#include "core/source/model_folder.h"

namespace deltascope {

/// What one payload does to one tensor. Payloads that leave it as it is are left out.
struct DeltaStep {
  std::shared_ptr<const Payload> payload;
  const TensorStats* stats = nullptr;  ///< in `payload`
  std::vector<ChunkInfo> chunks;
};

/// One weight of the model: a tensor of the base, and what the payloads do to it, in order. Of a weight that is a part of a
/// tensor, base, steps and chunks are those of the tensor, and only the chunks that it needs are there.
struct TensorOrigin {
  WeightSpec spec;
  std::string baseName;        ///< under which the base has it
  DType dtype = DType::BF16;   ///< of the final
  std::uint64_t elements = 0;  ///< of the weight
  std::uint64_t first = 0;     ///< of a part: its first element in the tensor
  IndexRange needs{};          ///< elements of the tensor that are read to make it: whole tiles, or chunks that cannot be cut
  BaseKind bottom = BaseKind::None;            ///< what the base holds; None: the first step needs no base
  const TensorInfo* plain = nullptr;           ///< bottom Same: the base's tensor, maybe of another float type
  const QuantizedTensor* quantized = nullptr;  ///< bottom quantized
  std::vector<DeltaStep> steps;
  std::optional<Hash128> baseHash;   ///< that the bottom must have; empty where no payload says so
  std::optional<Hash128> finalHash;  ///< that the final has
};

/// Whether it is a part of a tensor.
[[nodiscard]] inline bool isPart(const TensorOrigin& origin) { return origin.spec.stack > 0; }

/// Bytes that files hold for a weight: the base, scales included; all its payloads, each as its row says.
[[nodiscard]] std::uint64_t storedBaseBytes(const TensorOrigin& origin);
[[nodiscard]] std::uint64_t storedDeltaBytes(const TensorOrigin& origin);

/// What a codec decodes of a chunk to give these elements of it, all of the tensor: whole tiles where it can, else the chunk.
[[nodiscard]] IndexRange decodedWith(CodecId codec, DType dtype, const ChunkInfo& chunk, IndexRange elements);

/// Headers and directories only, and the base's scales if asked for. Pointers live as long as the object, which is not moved.
struct Variant {
  ModelConfig config;
  std::shared_ptr<const StackedCompanions> files;  ///< config.json, the tokenizer …
  std::shared_ptr<BaseModel> base;                 ///< null when no weight needs one
  Payloads payloads;
  std::vector<TensorOrigin> tensors;  ///< in the order of a forward pass
  std::string note;                   ///< for the user, where config.json leaves weights out; else empty
  bool keepScales = false;            ///< loading leaves the base its scales: more weights will be read from it
};
/// 32 hex digits over the finals as far as hashes are known, else over their names and shapes: equal for the same model.
[[nodiscard]] std::string fingerprintOf(const Variant& variant);
/// The files beside the weights alone, without the weights. NotFound where the request's payload needs a base for them.
[[nodiscard]] Result<std::shared_ptr<const StackedCompanions>> openCompanions(const LoadRequest& request);
/// Mismatch: a payload over another model, or a config that contradicts the tensors; names file and tensor.
[[nodiscard]] Result<std::shared_ptr<Variant>> openVariant(const LoadRequest& request, ScaleReading scales);

/// Mismatch where a payload says which bytes the base has and it has others. Reads all of them: to tell why a weight cannot be
/// rebuilt, since over another base a sound delta may look damaged.
[[nodiscard]] Result<void> checkBaseOf(const Variant& variant, const TensorOrigin& origin);

}  // namespace deltascope
