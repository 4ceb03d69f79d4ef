// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The files of the scripts that this project grew from, as jobs need them: their payload with its base, and each tensor as the
/// scripts made it.
#include <functional>
#include <span>
#include <stop_token>
#include <vector>

#include "core/checkpoint/checkpoint.h"
#include "core/payload/payload.h"
#include "core/payload/scripts_payload.h"
#include "core/source/locate.h"

namespace deltascope {

struct ScriptsSource {
  ModelFiles files;
  ScriptsPayload payload;
  Checkpoint base;
};
/// `files` are of Kind::Scripts. NotFound without a base.
[[nodiscard]] Result<ScriptsSource> openScripts(const ModelFiles& files);

/// One row a tensor of the base, codec additive (identical where the payload has nothing), and what is wrong as far as the
/// frames' heads tell. Tensors of the payload that the base lacks are findings.
struct ScriptsTable {
  std::vector<TensorStats> rows;
  std::vector<Finding> findings;
};
[[nodiscard]] Result<ScriptsTable> scriptsTable(const ScriptsSource& source);

/// Why tensor `info` of the base cannot become one of `type`; empty when it can.
[[nodiscard]] std::string scriptsObstacle(const ScriptsSource& source, const TensorInfo& info, DType type);

/// Tensor `info` of the base, which has no obstacle, as the scripts rebuild it: base + delta in FP32, rounded once to `type`;
/// elements without a delta keep the base's bits, or are rounded where the types differ. `onRange` gets the elements in order.
/// Damaged chunks do not stop the others: their elements stay as far as they came, and are told. Memory: ranges of 2^20
/// elements, and ScriptsPairs. Cancelled between ranges.
[[nodiscard]] Result<std::vector<Finding>> rebuildScripts(
    const ScriptsSource& source, const TensorInfo& info, DType type, std::stop_token stop,
    const std::function<Result<void>(std::uint64_t first, std::span<const std::byte> elements)>& onRange);

}  // namespace deltascope
