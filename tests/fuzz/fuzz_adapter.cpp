// SPDX-License-Identifier: Apache-2.0
// A LoRA adapter: the input is adapter_config.json, a zero byte, then adapter_model.safetensors.
#include <algorithm>
#include <fstream>

#include "core/checkpoint/adapter.h"
#include "tests/fuzz/input.h"

namespace {

std::filesystem::path folder() {
  const auto path = std::filesystem::temp_directory_path() / ("fuzz_adapter_" + std::to_string(getpid()));
  std::filesystem::create_directories(path);
  return path;
}

void writeFile(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deltascope;
  static const std::filesystem::path dir = folder();
  fuzz::Input input(data, size);
  const auto all = input.rest();
  const auto config = input.take(std::size_t(std::find(all.begin(), all.end(), std::byte{0}) - all.begin()));
  input.take(1);
  writeFile(dir / "adapter_config.json", config);
  writeFile(dir / "adapter_model.safetensors", input.rest());
  static const auto base = Checkpoint::open(DELTASCOPE_DEMO "/chat");
  fuzz::require(base.has_value());
  if (const auto adapter = Adapter::open(dir)) (void)adapter->match(*base);
  return 0;
}
