// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Why a checkpoint cannot be packed as asked: what it is, and what to do. Internal to core/pipeline.
#include <optional>
#include <string>

#include "core/pipeline/linear_layers.h"
#include "core/pipeline/pipeline.h"
#include "core/pipeline/source.h"

namespace deltascope {

[[nodiscard]] Error alreadyQuantized(const Checkpoint& final, const QuantizedTensor& first);
/// Nothing of `final` is what --quantize quantizes: another library did already, the weights are empty, or the scope takes
/// none.
[[nodiscard]] Error nothingToQuantize(const Checkpoint& final, PackScope scope, const LinearLayers& layers);
/// `shape`: of the base's tensor.
[[nodiscard]] Error unlikeBase(const Checkpoint& final, const TensorInfo& info, const Checkpoint& base,
                               const std::vector<std::uint64_t>& shape);
[[nodiscard]] Error nothingShared(const Checkpoint& final, const Checkpoint& base);
/// A word on weights of the shape [0], where there are some: no model has them, but a save that gathered nothing.
[[nodiscard]] std::optional<std::string> emptyWeightsNote(const Checkpoint& final);

}  // namespace deltascope
