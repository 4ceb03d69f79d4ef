// SPDX-License-Identifier: Apache-2.0
#include "core/inspect/checkpoint.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/base/units.h"
#include "core/quant/quantized.h"

namespace deltascope {
namespace {

/// How a format lays its codes and scales, in one line.
std::string layoutText(const QuantizedTensor& weight) {
  const BaseLayout& layout = weight.layout;
  if (layout.blockElements > 0)
    return "blocks of " + std::to_string(layout.blockElements) + " in " + std::to_string(layout.blockBytes) + " bytes";
  const bool rows = !weight.shape.empty() && layout.group == weight.shape.back();
  return std::to_string(layout.codeBits) + "-bit codes, a scale for " +
         (rows ? "rows or more" : "every " + formatCount(layout.group) + " weights");
}

/// "w4, 4-bit codes, a scale for every 32 weights: 7 tensors, 4.520 bits/weight": what the weights are in.
std::string formatsText(const QuantizedTensors& quantized) {
  struct Sum {
    std::uint64_t weights = 0, elements = 0, bytes = 0;
  };
  std::map<std::string, Sum> sums;
  for (const auto& [name, weight] : quantized.weights) {
    Sum& sum = sums[std::string(nameOf(weight.kind)) + ", " + layoutText(weight)];
    ++sum.weights;
    sum.elements += weight.elements;
    sum.bytes += weight.storedBytes;
  }
  std::string text;
  for (const auto& [format, sum] : sums) {
    const double bits = sum.elements ? 8 * static_cast<double>(sum.bytes) / static_cast<double>(sum.elements) : 0;
    text += fmt::format("{}{}: {}, {:.3f} bits/weight", text.empty() ? "" : "; ", format,
                        counted(sum.weights, "tensor", "tensors"), bits);
  }
  return text;
}

/// What a GGUF file says of its model, and types of tensors in it that are not read.
void addGguf(const Checkpoint& checkpoint, const QuantizedTensors& read, const GgufMetadata& metadata,
             std::map<std::string, std::string>& facts) {
  for (const auto& [key, value] : metadata) facts[key] = textOf(value);
  std::map<std::string_view, std::uint64_t> others;
  for (const auto& tensor : checkpoint.tensors())
    if (tensor.ggml && !tensor.ggml->plain && !read.find(tensor.name)) ++others[tensor.ggml->name];
  std::string text;
  for (const auto& [name, count] : others)
    text +=
        (text.empty() ? "" : ", ") + std::string(name) + " (" + formatCount(count) + (count == 1 ? " tensor)" : " tensors)");
  if (!text.empty()) facts["types that are not read"] = std::move(text);
}

}  // namespace

std::vector<TensorStats> checkpointRows(const Checkpoint& checkpoint) {
  std::vector<TensorStats> rows;
  const QuantizedTensors quantized = describeQuantized(checkpoint);
  for (const auto& tensor : checkpoint.tensors()) {
    const auto* weight = quantized.withCodes(tensor);
    if (!weight && quantized.parts.contains(tensor.name)) continue;
    TensorStats row;
    row.name = tensor.name;
    row.dtype = tensor.dtype;
    row.shape = tensor.shape;
    row.elements = tensor.elements;
    row.codec = CodecId::Raw;
    row.finalBytes = row.storedBytes = tensor.bytes;
    if (tensor.ggml && !tensor.ggml->plain) {
      row.elements = tensor.bytes / tensor.ggml->bytes * tensor.ggml->elements;
      row.shape.back() = row.shape.back() / tensor.ggml->bytes * tensor.ggml->elements;
    }
    if (weight) {
      row.name = weight->name;
      row.dtype = weight->dtype;
      row.shape = weight->shape;
      row.elements = weight->elements;
      row.base = weight->kind;
      row.finalBytes = weight->elements * bytesOf(weight->dtype);
      row.storedBytes = weight->storedBytes;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::map<std::string, std::string> checkpointFacts(const Checkpoint& checkpoint) {
  std::map<std::string, std::string> facts;
  facts["files"] = std::to_string(checkpoint.files().size());
  const QuantizedTensors quantized = describeQuantized(checkpoint);
  if (!quantized.weights.empty()) facts["formats"] = formatsText(quantized);
  if (const auto* gguf = checkpoint.gguf()) addGguf(checkpoint, quantized, gguf->metadata(), facts);
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
