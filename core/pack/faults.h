// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Why a checkpoint cannot be packed as asked: what it is, and what to do. Internal to core/pack.
#include <optional>
#include <string>

#include "core/pack/linear_layers.h"
#include "core/pack/pack.h"
#include "core/source/base_model.h"

namespace deltascope {

[[nodiscard]] Error alreadyQuantized(const Checkpoint& final, const QuantizedTensor& first);
/// Nothing of `final` is what --quantize quantizes: another library did already, the weights are empty, or the scope takes
/// none.
[[nodiscard]] Error nothingToQuantize(const Checkpoint& final, PackScope scope, const LinearLayers& layers);
/// `shape`: of the base's tensor.
[[nodiscard]] Error unlikeBase(const Checkpoint& final, const TensorInfo& info, const Checkpoint& base,
                               const std::vector<std::uint64_t>& shape);
/// Most of what the base has by the final's names is of other shapes.
[[nodiscard]] Error anotherModels(const Checkpoint& final, const Checkpoint& base, std::uint64_t fitting,
                                  std::uint64_t misfits);
[[nodiscard]] Error nothingShared(const Checkpoint& final, const Checkpoint& base);
/// A word on weights of the shape [0], where there are some: no model has them, but a save that gathered nothing.
[[nodiscard]] std::optional<std::string> emptyWeightsNote(const Checkpoint& final);

}  // namespace deltascope
