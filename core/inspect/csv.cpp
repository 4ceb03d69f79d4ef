// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "core/base/csv.h"
#include "core/base/number.h"
#include "core/inspect/inspect.h"

namespace deltascope {
namespace {

std::string shapeField(const std::vector<std::uint64_t>& shape) {
  if (shape.empty()) return "scalar";
  return fmt::format("{}", fmt::join(shape, "x"));
}

std::string verdictOf(const TensorStats& tensor, const std::map<std::string, Verdict>& verdicts) {
  if (const auto known = verdicts.find(tensor.name); known != verdicts.end()) return verdictText(known->second);
  return tensor.finalHash != Hash128{} ? "not verified" : "";
}

}  // namespace

std::string toCsv(const std::vector<TensorStats>& tensors, const std::map<std::string, Verdict>& verdicts) {
  const bool shapes = std::ranges::any_of(tensors, [](const TensorStats& t) { return !t.baseShape.empty(); });
  const bool names = std::ranges::any_of(tensors, [](const TensorStats& t) { return !t.baseName.empty(); });
  std::string csv =
      "name,shape,dtype,elements,sparsity,codec,base_bytes,stored_bytes,bits_per_weight,ratio,layer,kind,base,patches,raw_"
      "tiles,"
      "chunks,final_hash,base_hash,verdict";
  csv += fmt::format("{}{}\r\n", shapes ? ",base_shape" : "", names ? ",base_name" : "");
  const auto hash = [](const Hash128& value) { return value == Hash128{} ? std::string() : toHex(value); };
  for (const auto& t : tensors) {
    const TensorRole role = tensorRole(t.name);
    csv += fmt::format("{},{},{},{},{},{},{},{},{},{},", csvField(t.name), shapeField(t.shapeOfFinal()), nameOf(t.dtype),
                       t.elements, numberText(t.sparsity()), nameOf(t.codec), t.baseBytes, t.storedBytes,
                       numberText(t.bitsPerWeight()), numberText(t.ratio()));
    csv += fmt::format("{},{},{},{},{},{},{},{},{}", role.layer < 0 ? std::string() : std::to_string(role.layer),
                       csvField(role.kind), nameOf(t.base), t.patches, t.rawTiles, t.chunkCount, hash(t.finalHash),
                       hash(t.baseHash), csvField(verdictOf(t, verdicts)));
    const bool based = t.base != BaseKind::None;
    if (shapes) csv += "," + (based ? shapeField(t.shapeOfBase()) : std::string());
    if (names) csv += "," + (based ? csvField(t.nameInBase()) : std::string());
    csv += "\r\n";
  }
  return csv;
}

}  // namespace deltascope
