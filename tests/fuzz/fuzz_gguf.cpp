// SPDX-License-Identifier: Apache-2.0
// A whole GGUF file: opened, every array of its metadata and every tensor read to its end, weights in blocks dequantized.
#include <array>
#include <vector>

#include "core/checkpoint/gguf_layout.h"
#include "core/quant/base_format.h"
#include "tests/fuzz/input.h"

using namespace deltascope;

namespace {

void readMetadata(const GgufFile& file) {
  for (const auto& [key, value] : file.metadata()) {
    fuzz::require(!textOf(value).empty() || std::holds_alternative<std::string>(value));
    const auto* array = std::get_if<GgufArray>(&value);
    if (!array || array->type == GgufType::Array) continue;
    if (array->type == GgufType::String)
      fuzz::require(file.texts(*array).value().size() == array->count);
    else
      fuzz::require(file.numbers(*array).value().size() == array->count);
  }
}

void readTensors(const GgufFile& file, const std::vector<TensorInfo>& tensors, std::size_t size) {
  std::uint64_t total = 0;
  for (const TensorInfo& tensor : tensors) {
    total += tensor.bytes;
    fuzz::require(tensor.offset + tensor.bytes <= size);
    std::vector<std::byte> content(tensor.bytes);
    fuzz::require(file.read(tensor, 0, content).has_value());
    std::byte beyond{};
    fuzz::require(!file.read(tensor, tensor.bytes, {&beyond, 1}).has_value());
    const auto kind = tensor.ggml->plain ? std::nullopt : baseKindFromName(tensor.ggml->name);
    if (!kind || content.empty()) continue;
    const std::uint64_t elements = tensor.bytes / tensor.ggml->bytes * tensor.ggml->elements;
    fuzz::require(formatOf(*kind).layout(0).codesOf({0, elements}).count == tensor.bytes);
    std::vector<std::byte> values(elements * 2);
    baseValues(sliceOf(*kind, DType::BF16, 32, {0, elements}, content.data(), nullptr), values);
  }
  fuzz::require(total <= size);  // ranges neither overlap nor leave the file
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::MemoryFile bytes(fuzz::Input(data, size).rest());
  const auto file = GgufFile::open(bytes.path());
  if (!file) return 0;
  readMetadata(*file);
  readTensors(*file, file->tensors(), size);
  auto ordered = file->tensors();
  if (setGgufRowOrder(*file, ordered)) readTensors(*file, ordered, size);
  return 0;
}
