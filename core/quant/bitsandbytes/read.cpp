// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/base/units.h"
#include "core/checkpoint/matrices.h"
#include "core/quant/bitsandbytes/formats.h"
#include "core/quant/bitsandbytes/parts.h"
#include "core/quant/bitsandbytes/quantize.h"
#include "core/quant/bitsandbytes/read.h"
#include "core/quant/bitsandbytes/state.h"
#include "core/quant/checkpoint_config.h"
#include "core/quant/part_reader.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kMaxStateBytes = 64u << 10;
constexpr std::string_view kMadeBy = "bitsandbytes";

bool isStorage(DType dtype) {
  constexpr std::array<DType, 6> kStorage{DType::U8, DType::I8, DType::F16, DType::BF16, DType::F32, DType::F64};
  return std::ranges::find(kStorage, dtype) != kStorage.end();
}

Result<QuantState> readState(const Checkpoint& checkpoint, PartReader& parts, const TensorInfo& tensor, QuantFormat format) {
  DELTASCOPE_TRY(parts.require(tensor.name));
  if (tensor.dtype != DType::U8 || tensor.shape.size() != 1)
    return parts.error(ErrorCode::Corrupt, tensor.name, "is not a list of bytes");
  if (tensor.bytes > kMaxStateBytes)
    return parts.error(ErrorCode::Corrupt, tensor.name, "has " + std::to_string(tensor.bytes) + " bytes, too many for a state");
  DELTASCOPE_ASSIGN(const auto bytes, checkpoint.readAll(tensor));
  auto state = parseQuantState({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, format);
  if (!state) return parts.error(state.error().code, tensor.name, state.error().message);
  return state;
}

/// Hashes and compares the tables, which the hash of codes and scales does not cover; gives that of nested scales, if any.
Result<std::vector<float>> readTables(PartReader& parts, const std::string& w, const QuantState& state, QuantFormat format,
                                      QuantizedTensor& tensor) {
  DELTASCOPE_ASSIGN(const auto map, parts.floats(w + std::string(kQuantMap), 16));
  std::vector<float> nested;
  if (state.nested) {
    DELTASCOPE_ASSIGN(nested, parts.floats(w + std::string(kNestedQuantMap), NestedAbsmax{}.map.size()));
  }
  tensor.usualMap = std::ranges::equal(map, codeBook(format).values);  // −0 equals 0
  tensor.state = hashOfState(state.blocksize, map, state.nestedBlocksize, nested);
  return nested;
}

/// What readScales asks of the parts, without reading them.
Result<void> checkScales(PartReader& parts, const std::string& w, const QuantState& state) {
  const std::uint64_t blocks = ceilDiv(state.elements, state.blocksize);
  DELTASCOPE_TRY(parts.fitting(w + std::string(kAbsmax), state.nested ? DType::U8 : DType::F32, blocks));
  if (!state.nested) return {};
  DELTASCOPE_TRY(parts.fitting(w + std::string(kNestedAbsmax), DType::F32, ceilDiv(blocks, state.nestedBlocksize)));
  return {};
}

Result<void> readScales(PartReader& parts, const std::string& w, const QuantState& state, std::span<const float> nestedMap,
                        std::vector<float>& scales) {
  const std::uint64_t blocks = ceilDiv(state.elements, state.blocksize);
  if (!state.nested) {
    DELTASCOPE_ASSIGN(scales, parts.floats(w + std::string(kAbsmax), blocks));
    return {};
  }
  NestedAbsmax nested;
  nested.blocksize = state.nestedBlocksize;
  nested.offset = state.nestedOffset;
  std::ranges::copy(nestedMap, nested.map.begin());
  DELTASCOPE_ASSIGN(const auto codes, parts.bytes(w + std::string(kAbsmax), DType::U8, blocks));
  DELTASCOPE_ASSIGN(nested.absmax, parts.floats(w + std::string(kNestedAbsmax), ceilDiv(blocks, nested.blocksize)));
  nested.codes.resize(codes.size());
  if (!codes.empty()) std::memcpy(nested.codes.data(), codes.data(), codes.size());
  scales.resize(nested.codes.size());
  unnestAbsmax(nested, 0, scales);
  return {};
}

Result<void> addFourBit(const Checkpoint& checkpoint, const TensorInfo& stateTensor, std::size_t suffix, QuantFormat format,
                        ScaleReading reading, QuantizedTensors& into) {
  const std::string w = stateTensor.name.substr(0, suffix);
  PartReader parts(checkpoint, w, stateTensor, kMadeBy);
  if (into.weights.contains(w)) return parts.error(ErrorCode::Corrupt, stateTensor.name, "is a second quantization state");

  DELTASCOPE_ASSIGN(const QuantState state, readState(checkpoint, parts, stateTensor, format));
  QuantizedTensor tensor;
  DELTASCOPE_ASSIGN(tensor.codes, parts.require(w));
  if (!isStorage(tensor.codes->dtype))
    return parts.error(ErrorCode::Unsupported, {}, "codes stored as " + std::string(nameOf(tensor.codes->dtype)));
  if (tensor.codes->bytes != ceilDiv(state.elements, 2))
    return parts.error(ErrorCode::Corrupt, {},
                       "has " + std::to_string(tensor.codes->bytes) + " bytes of codes; the shape " + shapeText(state.shape) +
                           " needs " + std::to_string(ceilDiv(state.elements, 2)));
  if (tensor.codes->shape.empty() || tensor.codes->shape.front() != tensor.codes->elements)
    return parts.error(ErrorCode::Unsupported, {},
                       "codes of shape " + shapeText(tensor.codes->shape) + " are not in row order");
  tensor.kind = kindOfFormat(format);
  DELTASCOPE_ASSIGN(const auto nestedMap, readTables(parts, w, state, format, tensor));
  DELTASCOPE_TRY(reading == ScaleReading::Read ? readScales(parts, w, state, nestedMap, tensor.scales)
                                               : checkScales(parts, w, state));
  tensor.dtype = state.dtype;
  tensor.shape = state.shape;
  tensor.elements = state.elements;
  tensor.layout = formatOf(tensor.kind).layout(state.blocksize);
  parts.commit(std::move(tensor), into);
  return {};
}

Result<void> addInt8(const Checkpoint& checkpoint, const TensorInfo& evidence, const std::string& w, ScaleReading reading,
                     QuantizedTensors& into) {
  PartReader parts(checkpoint, w, evidence, kMadeBy);
  QuantizedTensor tensor;
  DELTASCOPE_ASSIGN(tensor.codes, parts.require(w));
  if (tensor.codes->dtype != DType::I8 || tensor.codes->shape.size() < 2)
    return parts.error(ErrorCode::Corrupt, {},
                       "is " + std::string(nameOf(tensor.codes->dtype)) + " " + shapeText(tensor.codes->shape) +
                           ", but beside an SCB it must be a matrix of I8");
  const std::uint64_t rows = matrixRows(tensor.codes->shape);  // of a stack's matrices together
  if (reading == ScaleReading::Read) {
    DELTASCOPE_ASSIGN(tensor.scales, parts.floats(int8PartName(w, kScb), rows));
  } else {
    DELTASCOPE_TRY(parts.fitting(int8PartName(w, kScb), DType::F32, rows));
  }
  if (const std::string name = int8PartName(w, kWeightFormat); checkpoint.find(name)) {
    DELTASCOPE_ASSIGN(const auto layout, parts.bytes(name, DType::U8, 1));
    if (layout[0] != std::byte{0})
      return parts.error(ErrorCode::Unsupported, name, "says that rows are interleaved; only row-major weights are handled");
  }
  if (checkpoint.configError() && reading != ScaleReading::Describe)
    return tl::make_unexpected(*checkpoint.configError());  // it has the type of the values
  tensor.kind = BaseKind::Int8;
  tensor.dtype = configuredDtype(checkpoint.config()).value_or(DType::F16);
  tensor.shape = tensor.codes->shape;
  tensor.elements = tensor.codes->elements;
  tensor.layout = int8Base().layout(tensor.codes->shape.back());
  parts.commit(std::move(tensor), into);
  return {};
}

Result<void> unlessDescribing(ScaleReading reading, Result<void> added) {
  return reading == ScaleReading::Describe ? Result<void>{} : added;
}

/// The weight that owns an INT8 part named `name`, or nothing when it is no such part.
std::optional<std::string> int8Weight(const Checkpoint& checkpoint, std::string_view name, std::string_view part) {
  if (!name.ends_with(part)) return std::nullopt;
  std::string_view module = name.substr(0, name.size() - part.size());
  if (!module.ends_with('.')) return std::nullopt;
  std::string linear = std::string(module).append(kWeight), plain(module.substr(0, module.size() - 1));
  return !checkpoint.find(linear) && checkpoint.find(plain) ? plain : linear;
}

/// Whether config.json says that the module of this weight is not quantized: by its name, or the end of it.
bool isSkipped(const Checkpoint& checkpoint, std::string_view weight) {
  const auto& modules = configMember(configMember(checkpoint.config(), "quantization_config"), "llm_int8_skip_modules");
  if (!modules.is_array() || !weight.ends_with(std::string(".").append(kWeight))) return false;
  const std::string module = "." + std::string(weight.substr(0, weight.size() - kWeight.size() - 1));
  return std::ranges::any_of(modules, [&](const nlohmann::json& skipped) {
    return skipped.is_string() && module.ends_with("." + skipped.get_ref<const std::string&>());
  });
}

}  // namespace

Result<void> refuseFourBitOrphan(const Checkpoint& checkpoint, const TensorInfo& tensor, const QuantizedTensors& found) {
  if (const auto owner = found.parts.find(tensor.name); owner != found.parts.end()) {
    if (!found.weights.contains(tensor.name)) return {};
    return PartReader(checkpoint, owner->second, tensor, kMadeBy)
        .error(ErrorCode::Corrupt, tensor.name, "is itself a quantized weight");
  }
  for (std::string_view suffix : {kAbsmax, kQuantMap, kNestedAbsmax, kNestedQuantMap}) {
    if (!tensor.name.ends_with(suffix)) continue;
    const std::string w = tensor.name.substr(0, tensor.name.size() - suffix.size());
    const TensorInfo* weight = checkpoint.find(w);
    const PartReader parts(checkpoint, w, tensor, kMadeBy);
    if (found.weights.contains(w))
      return parts.error(ErrorCode::Corrupt, tensor.name, "does not belong to a weight without double quantization");
    if (weight && weight->dtype == DType::U8)
      return parts.error(ErrorCode::Corrupt, w + std::string(kState) + "nf4", "(or __fp4) is missing");
  }
  return {};
}

Result<void> refuseInt8Orphan(const Checkpoint& checkpoint, const TensorInfo& tensor, const QuantizedTensors& found) {
  if (found.parts.contains(tensor.name) || found.weights.contains(tensor.name)) return {};
  const bool int8Model = configMember(configMember(checkpoint.config(), "quantization_config"), "load_in_8bit") == true;
  const bool int8Matrix = tensor.dtype == DType::I8 && tensor.shape.size() == 2 &&
                          tensor.name.ends_with(std::string(".").append(kWeight)) && !isSkipped(checkpoint, tensor.name);
  if (int8Matrix && (int8Model || checkpoint.find(int8PartName(tensor.name, kWeightFormat))))
    return PartReader(checkpoint, tensor.name, tensor, kMadeBy)
        .error(ErrorCode::Corrupt, int8PartName(tensor.name, kScb), "is missing");
  return {};
}

Result<void> findFourBit(const Checkpoint& checkpoint, QuantFormat format, ScaleReading reading, QuantizedTensors& into) {
  for (const auto& tensor : checkpoint.tensors()) {
    const auto suffix = tensor.name.rfind(kState);
    if (suffix == std::string::npos) continue;
    const auto type = quantFormatFromName(tensor.name.substr(suffix + kState.size()));
    if (type == format)
      DELTASCOPE_TRY(unlessDescribing(reading, addFourBit(checkpoint, tensor, suffix, format, reading, into)));
    else if (reading != ScaleReading::Describe && format == QuantFormat::Nf4 && (!type || *type == QuantFormat::Int8))
      return PartReader(checkpoint, tensor.name.substr(0, suffix), tensor, kMadeBy)
          .error(ErrorCode::Unsupported, tensor.name, "is neither nf4 nor fp4");
  }
  return {};
}

Result<void> findInt8(const Checkpoint& checkpoint, ScaleReading reading, QuantizedTensors& into) {
  for (const auto& tensor : checkpoint.tensors()) {
    if (tensor.name.rfind(kState) != std::string::npos) continue;
    if (const auto weight = int8Weight(checkpoint, tensor.name, kScb))
      DELTASCOPE_TRY(unlessDescribing(reading, addInt8(checkpoint, tensor, *weight, reading, into)));
  }
  return {};
}

}  // namespace deltascope
