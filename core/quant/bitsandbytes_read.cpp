// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/base/units.h"
#include "core/checkpoint/matrices.h"
#include "core/quant/bitsandbytes.h"
#include "core/quant/parts.h"
#include "core/quant/state.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kMaxStateBytes = 64u << 10;
constexpr std::string_view kHint = "the file is damaged or was not written by bitsandbytes; download or quantize it again";

/// Reads the parts of one weight and remembers them.
class PartReader {
 public:
  PartReader(const Checkpoint& checkpoint, std::string weight, const TensorInfo& evidence)
      : m_checkpoint(checkpoint), m_weight(std::move(weight)), m_file(checkpoint.fileOf(evidence)) {}

  [[nodiscard]] tl::unexpected<Error> error(ErrorCode code, std::string_view part, std::string_view what) const {
    const std::string where = part.empty() ? "" : "part " + std::string(part) + ": ";
    return fail(code, at({m_file, m_weight, {}}, where + std::string(what)),
                code == ErrorCode::Corrupt ? std::string(kHint) : "");
  }

  [[nodiscard]] Result<const TensorInfo*> require(const std::string& name) {
    const TensorInfo* tensor = m_checkpoint.find(name);
    if (!tensor) return error(ErrorCode::Corrupt, name, "is missing");
    if (name != m_weight) m_parts.push_back(name);
    m_bytes += tensor->bytes;
    return tensor;
  }

  /// A part that must be there and fit.
  [[nodiscard]] Result<const TensorInfo*> fitting(const std::string& name, DType dtype, std::uint64_t elements) {
    DELTASCOPE_ASSIGN(const TensorInfo* tensor, require(name));
    if (tensor->dtype != dtype)
      return error(ErrorCode::Corrupt, name,
                   "is " + std::string(nameOf(tensor->dtype)) + ", not " + std::string(nameOf(dtype)));
    if (tensor->elements != elements)
      return error(ErrorCode::Corrupt, name,
                   "has " + std::to_string(tensor->elements) + " elements; the weight needs " + std::to_string(elements));
    return tensor;
  }

  [[nodiscard]] Result<std::vector<std::byte>> bytes(const std::string& name, DType dtype, std::uint64_t elements) {
    DELTASCOPE_ASSIGN(const TensorInfo* tensor, fitting(name, dtype, elements));
    return m_checkpoint.readAll(*tensor);
  }

  [[nodiscard]] Result<std::vector<float>> floats(const std::string& name, std::uint64_t elements) {
    DELTASCOPE_ASSIGN(const auto raw, bytes(name, DType::F32, elements));
    std::vector<float> values(raw.size() / sizeof(float));
    if (!raw.empty()) std::memcpy(values.data(), raw.data(), raw.size());
    return values;
  }

  /// Hands the finished weight over.
  void commit(QuantizedTensor tensor, QuantizedTensors& into) {
    for (auto& part : m_parts) into.parts.emplace(std::move(part), m_weight);
    tensor.name = m_weight;
    tensor.storedBytes = m_bytes;
    into.weights.insert_or_assign(m_weight, std::move(tensor));
  }

 private:
  const Checkpoint& m_checkpoint;
  std::string m_weight;
  const std::filesystem::path& m_file;
  std::vector<std::string> m_parts;
  std::uint64_t m_bytes = 0;
};

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
Result<std::vector<float>> readTables(PartReader& parts, const std::string& w, const QuantState& state,
                                      QuantizedTensor& tensor) {
  DELTASCOPE_ASSIGN(const auto map, parts.floats(w + std::string(kQuantMap), 16));
  std::vector<float> nested;
  if (state.nested) {
    DELTASCOPE_ASSIGN(nested, parts.floats(w + std::string(kNestedQuantMap), NestedAbsmax{}.map.size()));
  }
  tensor.usualMap = std::ranges::equal(map, codeBook(tensor.format).values);  // −0 equals 0
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

Result<void> addFourBit(const Checkpoint& checkpoint, const TensorInfo& stateTensor, std::size_t suffix, ScaleReading reading,
                        QuantizedTensors& into) {
  const std::string w = stateTensor.name.substr(0, suffix);
  PartReader parts(checkpoint, w, stateTensor);
  const std::string type = stateTensor.name.substr(suffix + kState.size());
  const auto format = quantFormatFromName(type);
  if (!format || *format == QuantFormat::Int8)
    return parts.error(ErrorCode::Unsupported, stateTensor.name, "is neither nf4 nor fp4");
  if (into.weights.contains(w)) return parts.error(ErrorCode::Corrupt, stateTensor.name, "is a second quantization state");

  DELTASCOPE_ASSIGN(const QuantState state, readState(checkpoint, parts, stateTensor, *format));
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
  tensor.format = *format;
  DELTASCOPE_ASSIGN(const auto nestedMap, readTables(parts, w, state, tensor));
  DELTASCOPE_TRY(reading == ScaleReading::Read ? readScales(parts, w, state, nestedMap, tensor.scales)
                                               : checkScales(parts, w, state));
  tensor.dtype = state.dtype;
  tensor.shape = state.shape;
  tensor.elements = state.elements;
  tensor.blocksize = state.blocksize;
  parts.commit(std::move(tensor), into);
  return {};
}

const nlohmann::json& member(const nlohmann::json& object, const char* name) {
  static const nlohmann::json kNull;
  if (!object.is_object()) return kNull;
  const auto found = object.find(name);
  return found == object.end() ? kNull : *found;
}

/// transformers 5 says "dtype", 4 said "torch_dtype".
DType modelDtype(const nlohmann::json& config) {
  for (const char* name : {"dtype", "torch_dtype"})
    if (const auto& value = member(config, name); value.is_string())
      if (const auto dtype = dtypeFromTorchName(value.get_ref<const std::string&>())) return *dtype;
  return DType::F16;
}

Result<void> addInt8(const Checkpoint& checkpoint, const TensorInfo& evidence, const std::string& w, ScaleReading reading,
                     QuantizedTensors& into) {
  PartReader parts(checkpoint, w, evidence);
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
  if (checkpoint.configError()) return tl::make_unexpected(*checkpoint.configError());  // it has the type of the values
  tensor.format = QuantFormat::Int8;
  tensor.dtype = modelDtype(checkpoint.config());
  tensor.shape = tensor.codes->shape;
  tensor.elements = tensor.codes->elements;
  tensor.columns = tensor.codes->shape.back();
  parts.commit(std::move(tensor), into);
  return {};
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
  const auto& modules = member(member(checkpoint.config(), "quantization_config"), "llm_int8_skip_modules");
  if (!modules.is_array() || !weight.ends_with(std::string(".").append(kWeight))) return false;
  const std::string module = "." + std::string(weight.substr(0, weight.size() - kWeight.size() - 1));
  return std::ranges::any_of(modules, [&](const nlohmann::json& skipped) {
    return skipped.is_string() && module.ends_with("." + skipped.get_ref<const std::string&>());
  });
}

/// A part whose weight was not found by its state or SCB: those are what is missing.
Result<void> refuseOrphan(const Checkpoint& checkpoint, const TensorInfo& tensor, const QuantizedTensors& found) {
  if (const auto owner = found.parts.find(tensor.name); owner != found.parts.end()) {
    if (!found.weights.contains(tensor.name)) return {};
    return PartReader(checkpoint, owner->second, tensor).error(ErrorCode::Corrupt, tensor.name, "is itself a quantized weight");
  }
  for (std::string_view suffix : {kAbsmax, kQuantMap, kNestedAbsmax, kNestedQuantMap}) {
    if (!tensor.name.ends_with(suffix)) continue;
    const std::string w = tensor.name.substr(0, tensor.name.size() - suffix.size());
    const TensorInfo* weight = checkpoint.find(w);
    if (found.weights.contains(w) || (weight && weight->dtype == DType::U8))
      return PartReader(checkpoint, w, tensor)
          .error(
              ErrorCode::Corrupt, found.weights.contains(w) ? tensor.name : w + std::string(kState) + "nf4",
              found.weights.contains(w) ? "does not belong to a weight without double quantization" : "(or __fp4) is missing");
  }
  const bool int8Model = member(member(checkpoint.config(), "quantization_config"), "load_in_8bit") == true;
  const bool int8Matrix = tensor.dtype == DType::I8 && tensor.shape.size() == 2 &&
                          tensor.name.ends_with(std::string(".").append(kWeight)) && !isSkipped(checkpoint, tensor.name);
  if (int8Matrix && !found.weights.contains(tensor.name) &&
      (int8Model || checkpoint.find(int8PartName(tensor.name, kWeightFormat))))
    return PartReader(checkpoint, tensor.name, tensor).error(ErrorCode::Corrupt, int8PartName(tensor.name, kScb), "is missing");
  return {};
}

}  // namespace

Result<QuantizedTensors> findQuantized(const Checkpoint& checkpoint, ScaleReading reading) {
  QuantizedTensors found;
  for (const auto& tensor : checkpoint.tensors()) {
    if (const auto suffix = tensor.name.rfind(kState); suffix != std::string::npos) {
      DELTASCOPE_TRY(addFourBit(checkpoint, tensor, suffix, reading, found));
    } else if (const auto weight = int8Weight(checkpoint, tensor.name, kScb)) {
      DELTASCOPE_TRY(addInt8(checkpoint, tensor, *weight, reading, found));
    }
  }
  for (const auto& tensor : checkpoint.tensors()) DELTASCOPE_TRY(refuseOrphan(checkpoint, tensor, found));
  return found;
}

}  // namespace deltascope
