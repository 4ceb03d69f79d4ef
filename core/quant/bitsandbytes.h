// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Quantized weights in checkpoints, in the names and layouts of bitsandbytes (QuantState.as_dict, Linear8bitLt) as
/// transformers saves and loads them.
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/hash.h"
#include "core/base/result.h"
#include "core/checkpoint/checkpoint.h"
#include "core/quant/quantize.h"

namespace deltascope {

/// One quantized weight found in a checkpoint. Everything was validated (shapes, sizes, the state's JSON) by findQuantized.
struct QuantizedTensor {
  std::string name;  ///< e.g. model.layers.0.mlp.up_proj.weight
  QuantFormat format = QuantFormat::Nf4;
  DType dtype =
      DType::BF16;  ///< what the library dequantizes to; INT8: the model's own type (config.json), F16 when it has none
  std::vector<std::uint64_t> shape;
  std::uint64_t elements = 0;
  unsigned blocksize = 64;        ///< weights per absmax; INT8: unused
  std::uint64_t columns = 0;      ///< INT8: weights per scale
  std::uint64_t storedBytes = 0;  ///< of all its parts in the checkpoint
  const TensorInfo* codes = nullptr;
  /// Nf4, Fp4: hash128 over the block size (u64), quant_map and, if absmax is quantized, nested_blocksize (u64) and
  /// nested_quant_map, as stored; what the scales do not tell of the quantization.
  Hash128 state;
  bool usualMap = true;       ///< Nf4, Fp4: quant_map has the format's own values, which are what counts
  std::vector<float> scales;  ///< absmax of every block (nested ones already dequantized), or SCB of every row
};

/// The quantized weights of a checkpoint by name, and the names of all tensors that are only their parts (`W.absmax` …).
/// Memory: scales are loaded (1/16 of the weights at blocksize 64).
struct QuantizedTensors {
  std::map<std::string, QuantizedTensor, std::less<>> weights;
  std::map<std::string, std::string, std::less<>> parts;  ///< part name → weight name
};
/// Untrusted bytes: a part that is missing or does not fit is Corrupt, a blocksize, type or layout that this program does not
/// know is Unsupported; the message names file, weight and part. Memory stays within four times the bytes of the parts in the
/// file. The values of `quant_map` are not used (nor does the library use them), only hashed and compared. An I8 weight without
/// SCB is no quantized weight unless config.json says so. The checkpoint must outlive the result.
enum class ScaleReading : std::uint8_t { Read, CheckOnly };  ///< CheckOnly: headers alone; `scales` stay empty
[[nodiscard]] Result<QuantizedTensors> findQuantized(const Checkpoint& checkpoint, ScaleReading reading = ScaleReading::Read);

/// Tensors to declare for a weight `name` quantized by us, in bitsandbytes' names, and the small ones' bytes.
/// The codes ("name") are written by range; all others are given whole by quantizedParts once scales are known. With double
/// quantization the state's JSON is padded with spaces, since its length would depend on the offset.
[[nodiscard]] std::vector<TensorSpec> quantizedSpecs(std::string_view name, QuantFormat format,
                                                     const std::vector<std::uint64_t>& shape, DType dtype, unsigned blocksize,
                                                     bool doubleQuant);
/// QuantizedTensor::state of a weight that is quantized here; zeros for INT8, which has none.
[[nodiscard]] Hash128 quantizationState(QuantFormat format, unsigned blocksize, bool doubleQuant);
struct TensorBytes {
  std::string name;
  std::vector<std::byte> bytes;
};
/// `scales`: absmax of every block or SCB of every row. `nested`: null without double quantization.
[[nodiscard]] std::vector<TensorBytes> quantizedParts(std::string_view name, QuantFormat format,
                                                      const std::vector<std::uint64_t>& shape, DType dtype, unsigned blocksize,
                                                      std::span<const float> scales, const NestedAbsmax* nested);
/// The `quantization_config` for config.json that makes transformers load the checkpoint, as BitsAndBytesConfig.to_dict gives
/// it. `dtype`: of the computation. `skippedModules`: every Linear that the file holds unquantized, lm_head too (transformers
/// matches each name as a regular expression from the start and as a suffix).
[[nodiscard]] nlohmann::json quantizationConfig(QuantFormat format, DType dtype, bool doubleQuant,
                                                const std::vector<std::string>& skippedModules);

}  // namespace deltascope
