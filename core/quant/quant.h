// SPDX-License-Identifier: Apache-2.0
#pragma once
/// NF4, FP4 and INT8 in the layout of bitsandbytes (github.com/bitsandbytes-foundation/bitsandbytes: functional.py, csrc/), both
/// directions. Constants and the packing are documented in formats the library itself writes; goldens in tests/data/quant.
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/checkpoint/checkpoint.h"

namespace deltascope {

enum class QuantFormat : std::uint8_t { Nf4, Fp4, Int8 };
[[nodiscard]] std::string_view nameOf(QuantFormat format);  ///< "nf4", "fp4", "int8"
[[nodiscard]] std::optional<QuantFormat> quantFormatFromName(std::string_view name);

/// The sixteen values of a 4-bit format, by code, and the boundaries between neighbours in ascending order of value
/// (`x > boundary` moves up). For FP4 `order` maps ascending rank to code.
struct CodeBook {
  std::array<float, 16> values;
  std::array<float, 15> boundaries;
  std::array<std::uint8_t, 16> order;
};
[[nodiscard]] const CodeBook& codeBook(QuantFormat format);  ///< Nf4 or Fp4

/// FP32 value of element i of `bytes` holding elements of `dtype` (BF16, F16, F32), and rounding to nearest even back.
void toFloat(DType dtype, std::span<const std::byte> from, std::span<float> into);
void fromFloat(DType dtype, std::span<const float> from, std::span<std::byte> into);

/// Quantizes whole blocks (the last may be short). `weights`: n elements of `dtype`; `codes`: ceil(n/2) bytes, element 2j in the high
/// nibble; `absmax`: ceil(n/blocksize) floats. Bit for bit what bitsandbytes' CPU/torch path gives (an all-zero block gives the code
/// of zero). `blocksize`: 32…4096, a power of two.
void quantize4bit(QuantFormat format, DType dtype, std::span<const std::byte> weights, unsigned blocksize,
                  std::span<std::uint8_t> codes, std::span<float> absmax);
/// Only the block maxima, for the first pass of double quantization.
void blockAbsmax(DType dtype, std::span<const std::byte> weights, unsigned blocksize, std::span<float> absmax);
/// value[code] · absmax in FP32, one rounding to `dtype`.
void dequantize4bit(QuantFormat format, std::span<const std::uint8_t> codes, std::span<const float> absmax, unsigned blocksize,
                    DType dtype, std::span<std::byte> into);

/// LLM.int8 rows: q = rint(w · 127 / SCB) with SCB the row's largest magnitude; back: q · SCB / 127 as the library computes it.
/// `firstColumn`: column of the first element; `scales[k]` belongs to the k-th row touched.
void rowAbsmax(DType dtype, std::span<const std::byte> weights, std::uint64_t columns, std::span<float> scales);
void quantizeInt8(DType dtype, std::span<const std::byte> weights, std::uint64_t firstColumn, std::uint64_t columns,
                  std::span<const float> scales, std::span<std::int8_t> codes);
void dequantizeInt8(std::span<const std::int8_t> codes, std::uint64_t firstColumn, std::uint64_t columns,
                    std::span<const float> scales, DType dtype, std::span<std::byte> into);

/// Double quantization of a tensor's absmax: offset = mean, blocks of 256 against the dynamic 8-bit map.
struct NestedAbsmax {
  std::vector<std::uint8_t> codes;   ///< one a block of weights
  std::vector<float> absmax;         ///< one per 256 codes
  std::array<float, 256> map{};
  float offset = 0;
  unsigned blocksize = 256;
};
[[nodiscard]] NestedAbsmax nestAbsmax(std::span<const float> absmax);
/// map[q] · absmax2[i / 256] + offset, each operation rounded (no fused multiply-add). `first`: index of into[0].
void unnestAbsmax(const NestedAbsmax& nested, std::uint64_t first, std::span<float> into);

/// One quantized weight found in a checkpoint. Everything was validated (shapes, sizes, the state's JSON) by findQuantized.
struct QuantizedTensor {
  std::string name;          ///< e.g. model.layers.0.mlp.up_proj.weight
  QuantFormat format = QuantFormat::Nf4;
  DType dtype = DType::BF16;  ///< what the library dequantizes to
  std::vector<std::uint64_t> shape;
  std::uint64_t elements = 0;
  unsigned blocksize = 64;   ///< weights per absmax; INT8: unused
  std::uint64_t columns = 0; ///< INT8: weights per scale
  std::uint64_t storedBytes = 0;  ///< of all its parts in the checkpoint
  const TensorInfo* codes = nullptr;
  std::vector<float> scales; ///< absmax of every block (nested ones already dequantized), or SCB of every row
};

/// The quantized weights of a checkpoint by name, and the names of all tensors that are only their parts (`W.absmax` …).
/// Memory: scales are loaded (1/16 of the weights at blocksize 64).
struct QuantizedTensors {
  std::map<std::string, QuantizedTensor, std::less<>> weights;
  std::map<std::string, std::string, std::less<>> parts;  ///< part name → weight name
};
[[nodiscard]] Result<QuantizedTensors> findQuantized(const Checkpoint& checkpoint);

/// Tensors to declare for a weight `name` quantized by us, in bitsandbytes' names, and the small ones' bytes.
/// The codes ("name") are written by range; all others are given whole by quantizedParts once scales are known.
[[nodiscard]] std::vector<TensorSpec> quantizedSpecs(std::string_view name, QuantFormat format,
                                                     const std::vector<std::uint64_t>& shape, DType dtype, unsigned blocksize,
                                                     bool doubleQuant);
struct TensorBytes {
  std::string name;
  std::vector<std::byte> bytes;
};
/// `scales`: absmax of every block or SCB of every row. `nested`: null without double quantization.
[[nodiscard]] std::vector<TensorBytes> quantizedParts(std::string_view name, QuantFormat format,
                                                      const std::vector<std::uint64_t>& shape, DType dtype, unsigned blocksize,
                                                      std::span<const float> scales, const NestedAbsmax* nested);
/// The `quantization_config` for config.json that makes transformers load the checkpoint.
[[nodiscard]] nlohmann::json quantizationConfig(QuantFormat format, DType dtype, bool doubleQuant,
                                                const std::vector<std::string>& skippedModules);

}  // namespace deltascope
