// SPDX-License-Identifier: Apache-2.0
#include "core/source/base_fit.h"

namespace deltascope {
namespace {

/// How a base holds a tensor, in words.
std::string inWords(BaseKind kind) { return kind == BaseKind::Same ? "unquantized" : "as " + std::string(nameOf(kind)); }

std::optional<std::string> tableMisfit(const BaseModel& base, const TensorStats& tensor) {
  if (!formatOf(tensor.base).hasState()) return std::nullopt;
  const auto& weight = base.quantized().weights.find(tensor.nameInBase())->second;
  if (tensor.baseState == Hash128{} ? weight.usualMap : weight.state == tensor.baseState) return std::nullopt;
  if (!weight.usualMap) return "its quant_map is not the table of " + std::string(nameOf(tensor.base));
  return "its tables or block sizes are not those that the payload was made over";
}

}  // namespace

std::optional<std::string> baseMisfit(const BaseModel& base, const TensorStats& tensor) {
  const BaseKind kind = base.kindOf(tensor.nameInBase(), tensor.dtype);
  if (kind == BaseKind::None)
    return "the base has no such tensor of a type that fits" +
           (tensor.baseName.empty() ? "" : ", under the name " + printable(tensor.baseName));
  if (kind != tensor.base) return "the base holds it " + inWords(kind) + ", the payload expects it " + inWords(tensor.base);
  if (const auto* shape = base.shapeOf(tensor.nameInBase(), tensor.dtype); !shape || *shape != tensor.shapeOfBase())
    return "its shape is " + (shape ? shapeText(*shape) : "unknown") + ", the payload expects " +
           shapeText(tensor.shapeOfBase());
  if (const std::uint64_t bytes = base.storedBytes(tensor.nameInBase()); bytes != tensor.baseBytes)
    return "the base stores " + std::to_string(bytes) + " bytes for it, the payload expects " +
           std::to_string(tensor.baseBytes);
  return tableMisfit(base, tensor);
}

}  // namespace deltascope
