// SPDX-License-Identifier: Apache-2.0
// A whole safetensors file: opened, and every tensor of an accepted one read to its end.
#include <vector>

#include "core/checkpoint/safetensors.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deltascope;
  const fuzz::MemoryFile bytes(fuzz::Input(data, size).rest());
  const auto file = SafetensorsFile::open(bytes.path());
  if (!file) return 0;
  std::uint64_t total = 0;
  for (const TensorInfo& tensor : file->header().tensors) {
    total += tensor.bytes;
    fuzz::require(tensor.offset + tensor.bytes <= size);
    fuzz::require(file->find(tensor.name) != nullptr);
    std::vector<std::byte> content(tensor.bytes);
    fuzz::require(file->read(tensor, 0, content).has_value());
    std::byte beyond{};
    fuzz::require(!file->read(tensor, tensor.bytes, {&beyond, 1}).has_value());
  }
  fuzz::require(total + 8 <= size);  // ranges neither overlap nor leave the file
  return 0;
}
