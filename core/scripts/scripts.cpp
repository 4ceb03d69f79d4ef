// SPDX-License-Identifier: Apache-2.0
#include "core/scripts/scripts.h"

#include <algorithm>

#include "core/base/units.h"

namespace deltascope {

Result<ScriptsSource> openScripts(const ModelFiles& files) {
  DELTASCOPE_ASSIGN(ScriptsPayload payload, ScriptsPayload::open(files.payload));
  if (files.base.empty())
    return fail(ErrorCode::NotFound,
                at({files.payload, {}, {}}, "a payload of the scripts needs its base, which says the shapes, and there is no " +
                                                std::string(kScriptsBaseName) + " beside it"),
                "put it there, or give it with --base");
  DELTASCOPE_ASSIGN(Checkpoint base, Checkpoint::open(files.base));
  return ScriptsSource{files, std::move(payload), std::move(base)};
}

Result<ScriptsTable> scriptsTable(const ScriptsSource& source) {
  ScriptsTable table;
  for (const auto& info : source.base.tensors()) {
    TensorStats row;
    row.name = info.name;
    row.dtype = info.dtype;
    row.shape = info.shape;
    row.elements = info.elements;
    row.base = BaseKind::Same;
    row.finalBytes = row.baseBytes = info.bytes;
    row.zeroDeltas = info.elements;
    if (const auto* tensor = source.payload.find(info.name)) {
      row.codec = CodecId::Additive;
      row.storedBytes = tensor->storedBytes();
      row.chunkCount = tensor->chunks();
      row.chunkElements = tensor->chunks() ? ceilDiv(info.elements, tensor->chunks()) : 0;
      row.zeroDeltas = info.elements - std::min(info.elements, tensor->totalDeltas);
      if (tensor->totalDeltas > info.elements)
        table.findings.push_back({info.name, "total_deltas says " + formatCount(tensor->totalDeltas) + ", the tensor has " +
                                                 formatCount(info.elements) + " elements"});
    }
    if (const auto obstacle = scriptsObstacle(source, info, info.dtype); !obstacle.empty())
      table.findings.push_back({info.name, obstacle});
    table.rows.push_back(std::move(row));
  }
  for (const auto& tensor : source.payload.tensors()) {
    DELTASCOPE_ASSIGN(auto findings, source.payload.check(tensor));
    std::ranges::move(findings, std::back_inserter(table.findings));
    if (!source.base.find(tensor.name)) table.findings.push_back({tensor.name, "is in the payload, but not in the base"});
  }
  return table;
}

std::string scriptsObstacle(const ScriptsSource& source, const TensorInfo& info, DType type) {
  const bool delta = source.payload.find(info.name) != nullptr;
  if (info.dtype == type && !delta) return {};
  if (isCodedFloat(info.dtype) && isCodedFloat(type)) return {};
  if (info.dtype == type) return "has a delta, but is " + std::string(nameOf(type)) + ", to which none is added";
  return "the base holds it as " + std::string(nameOf(info.dtype)) + ", which is not converted to " + std::string(nameOf(type));
}

}  // namespace deltascope
