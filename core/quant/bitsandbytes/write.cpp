// SPDX-License-Identifier: Apache-2.0
#include <cassert>
#include <cstring>
#include <nlohmann/json.hpp>

#include "core/base/units.h"
#include "core/checkpoint/matrices.h"
#include "core/quant/bitsandbytes/parts.h"
#include "core/quant/bitsandbytes/state.h"
#include "core/quant/bitsandbytes/write.h"

namespace deltascope {
namespace {

std::uint64_t elementsOf(const std::vector<std::uint64_t>& shape) {
  std::uint64_t n = 1;
  for (auto dim : shape) n *= dim;
  return n;
}

template <class T>
std::vector<std::byte> bytesOfSpan(std::span<const T> values) {
  const auto bytes = std::as_bytes(values);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

std::vector<TensorSpec> quantizedSpecs(std::string_view name, QuantFormat format, const std::vector<std::uint64_t>& shape,
                                       DType dtype, unsigned blocksize, bool doubleQuant) {
  const std::string w(name);
  if (format == QuantFormat::Int8)
    return {{w, DType::I8, shape},
            {int8PartName(w, kScb), DType::F32, {matrixRows(shape)}},
            {int8PartName(w, kWeightFormat), DType::U8, {}}};
  const std::uint64_t n = elementsOf(shape), blocks = ceilDiv(n, blocksize);
  std::vector<TensorSpec> specs{{w, DType::U8, {ceilDiv(n, 2), 1}},
                                {w + std::string(kAbsmax), doubleQuant ? DType::U8 : DType::F32, {blocks}},
                                {w + std::string(kQuantMap), DType::F32, {16}}};
  if (doubleQuant) {
    specs.push_back({w + std::string(kNestedAbsmax), DType::F32, {ceilDiv(blocks, 256)}});
    specs.push_back({w + std::string(kNestedQuantMap), DType::F32, {256}});
  }
  specs.push_back({w + std::string(kState).append(nameOf(format)),
                   DType::U8,
                   {stateJsonBound(format, shape, dtype, blocksize, doubleQuant)}});
  return specs;
}

Hash128 quantizationState(QuantFormat format, unsigned blocksize, bool doubleQuant) {
  if (format == QuantFormat::Int8) return {};
  const NestedAbsmax nested = nestAbsmax({}, 0);
  return hashOfState(blocksize, codeBook(format).values, nested.blocksize,
                     doubleQuant ? std::span<const float>(nested.map) : std::span<const float>());
}

std::vector<TensorBytes> quantizedParts(std::string_view name, QuantFormat format, const std::vector<std::uint64_t>& shape,
                                        DType dtype, unsigned blocksize, std::span<const float> scales,
                                        const NestedAbsmax* nested) {
  const std::string w(name);
  if (format == QuantFormat::Int8) {
    assert(scales.size() == matrixRows(shape));
    return {{int8PartName(w, kScb), bytesOfSpan(scales)}, {int8PartName(w, kWeightFormat), {std::byte{0}}}};  // 0: row-major
  }
  assert(nested || scales.size() == ceilDiv(elementsOf(shape), blocksize));
  assert(!nested || nested->blocksize == 256);
  std::vector<TensorBytes> parts;
  const auto add = [&](std::string_view suffix, std::vector<std::byte> bytes) {
    parts.push_back({w + std::string(suffix), std::move(bytes)});
  };
  add(kAbsmax, nested ? bytesOfSpan(std::span<const std::uint8_t>(nested->codes)) : bytesOfSpan(scales));
  add(kQuantMap, bytesOfSpan(std::span<const float>(codeBook(format).values)));
  if (nested) {
    add(kNestedAbsmax, bytesOfSpan(std::span<const float>(nested->absmax)));
    add(kNestedQuantMap, bytesOfSpan(std::span<const float>(nested->map)));
  }
  std::string json = stateJson(format, shape, dtype, blocksize, nested);
  json.resize(stateJsonBound(format, shape, dtype, blocksize, nested != nullptr), ' ');
  add(std::string(kState).append(nameOf(format)), bytesOfSpan(std::span<const char>(json)));
  return parts;
}

nlohmann::json quantizationConfig(QuantFormat format, DType dtype, bool doubleQuant,
                                  const std::vector<std::string>& skippedModules) {
  const bool int8 = format == QuantFormat::Int8;
  return {
      {"_load_in_4bit", !int8},
      {"_load_in_8bit", int8},
      {"bnb_4bit_compute_dtype", int8 ? "float32" : torchNameOf(dtype)},
      {"bnb_4bit_quant_storage", "uint8"},
      {"bnb_4bit_quant_type", int8 ? "fp4" : nameOf(format)},
      {"bnb_4bit_use_double_quant", doubleQuant && !int8},
      {"llm_int8_enable_fp32_cpu_offload", false},
      {"llm_int8_has_fp16_weight", false},
      {"llm_int8_skip_modules", skippedModules},
      {"llm_int8_threshold", 6.0},
      {"load_in_4bit", !int8},
      {"load_in_8bit", int8},
      {"quant_method", "bitsandbytes"},
  };
}

}  // namespace deltascope
