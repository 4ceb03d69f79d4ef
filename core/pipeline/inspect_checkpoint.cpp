// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/inspect_checkpoint.h"

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "core/base/units.h"
#include "core/checkpoint/json.h"
#include "core/checkpoint/matrices.h"
#include "core/quant/parts.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kStateLimit = 64u << 10;

struct Weight {
  BaseKind kind = BaseKind::None;
  DType dtype = DType::BF16;
  std::vector<std::uint64_t> shape;
  std::uint64_t elements = 1;
};

std::optional<DType> torchDtype(const std::string& name) {
  if (name == "bfloat16") return DType::BF16;
  if (name == "float16") return DType::F16;
  if (name == "float32") return DType::F32;
  return std::nullopt;
}

/// The weight that a quant_state tensor describes, if it fits the codes that are there.
std::optional<Weight> fourBitWeight(const Checkpoint& checkpoint, const TensorInfo& codes, BaseKind kind) {
  const TensorInfo* state = checkpoint.find(codes.name + ".quant_state.bitsandbytes__" + std::string(nameOf(kind)));
  if (!state || state->bytes > kStateLimit) return std::nullopt;
  const auto bytes = checkpoint.readAll(*state);
  if (!bytes) return std::nullopt;
  const auto json =
      parseJson({reinterpret_cast<const char*>(bytes->data()), bytes->size()}, checkpoint.fileOf(*state), JsonRules::Strict);
  if (!json || !json->is_object() || !json->contains("shape") || !json->contains("dtype")) return std::nullopt;
  const auto& shape = (*json)["shape"];
  const auto& dtype = (*json)["dtype"];
  if (!shape.is_array() || !dtype.is_string()) return std::nullopt;
  const auto type = torchDtype(dtype.get<std::string>());
  if (!type) return std::nullopt;
  Weight weight{kind, *type, {}, 1};
  for (const auto& side : shape) {
    if (!side.is_number_unsigned()) return std::nullopt;
    const auto elements = checkedMul(weight.elements, side.get<std::uint64_t>());
    if (!elements) return std::nullopt;
    weight.elements = *elements;
    weight.shape.push_back(side.get<std::uint64_t>());
  }
  if (ceilDiv(weight.elements, 2) != codes.bytes) return std::nullopt;
  return weight;
}

std::optional<Weight> quantizedWeight(const Checkpoint& checkpoint, const TensorInfo& codes) {
  if (codes.dtype == DType::U8) {
    if (auto nf4 = fourBitWeight(checkpoint, codes, BaseKind::Nf4)) return nf4;
    return fourBitWeight(checkpoint, codes, BaseKind::Fp4);
  }
  if (codes.dtype != DType::I8 || codes.shape.size() < 2) return std::nullopt;
  const TensorInfo* scales = checkpoint.find(int8PartName(codes.name, kScb));
  if (!scales || scales->elements != matrixRows(codes.shape)) return std::nullopt;
  return Weight{BaseKind::Int8, DType::F16, codes.shape, codes.elements};
}

/// Everything a quantized weight may keep beside its codes.
std::vector<const TensorInfo*> partsOf(const Checkpoint& checkpoint, const TensorInfo& codes, BaseKind kind) {
  std::vector<std::string> names;
  if (kind == BaseKind::Int8) {
    names = {int8PartName(codes.name, kScb), int8PartName(codes.name, kWeightFormat)};
  } else {
    for (const char* part : {".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map"})
      names.push_back(codes.name + part);
    names.push_back(codes.name + ".quant_state.bitsandbytes__" + std::string(nameOf(kind)));
  }
  std::vector<const TensorInfo*> parts;
  for (const auto& name : names)
    if (const TensorInfo* part = checkpoint.find(name)) parts.push_back(part);
  return parts;
}

}  // namespace

std::vector<TensorStats> checkpointRows(const Checkpoint& checkpoint) {
  std::vector<TensorStats> rows;
  std::set<std::string_view> parts;
  for (const auto& tensor : checkpoint.tensors()) {
    TensorStats row;
    row.name = tensor.name;
    row.dtype = tensor.dtype;
    row.shape = tensor.shape;
    row.elements = tensor.elements;
    row.codec = CodecId::Raw;
    row.finalBytes = row.storedBytes = tensor.bytes;
    if (const auto weight = quantizedWeight(checkpoint, tensor)) {
      row.dtype = weight->dtype;
      row.shape = weight->shape;
      row.elements = weight->elements;
      row.base = weight->kind;
      row.finalBytes = weight->elements * bytesOf(weight->dtype);
      for (const TensorInfo* part : partsOf(checkpoint, tensor, weight->kind)) {
        parts.insert(part->name);
        row.storedBytes += part->bytes;
      }
    }
    rows.push_back(std::move(row));
  }
  std::erase_if(rows, [&](const TensorStats& row) { return parts.contains(row.name); });
  return rows;
}

std::map<std::string, std::string> checkpointFacts(const Checkpoint& checkpoint) {
  std::map<std::string, std::string> facts;
  facts["files"] = std::to_string(checkpoint.files().size());
  const auto& config = checkpoint.config();
  if (!config.is_object()) return facts;
  if (const auto type = config.find("model_type"); type != config.end() && type->is_string())
    facts["model type"] = type->get<std::string>();
  if (const auto quantization = config.find("quantization_config"); quantization != config.end() && quantization->is_object())
    if (const auto method = quantization->find("quant_method"); method != quantization->end() && method->is_string())
      facts["quantization"] = method->get<std::string>();
  return facts;
}

}  // namespace deltascope
