// SPDX-License-Identifier: Apache-2.0
// A folder: an index, a zero byte, config.json, a zero byte, then a shard. Its quantized weights are found, and every tensor is
// read as a base is.
#include <algorithm>
#include <fstream>

#include "core/inspect/inspect.h"
#include "core/source/base_model.h"
#include "tests/fuzz/input.h"

namespace {

using namespace deltascope;
namespace fs = std::filesystem;

void writeFile(const fs::path& path, std::span<const std::byte> bytes) {
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
}

std::span<const std::byte> upToZero(fuzz::Input& input) {
  const auto all = input.rest();
  const auto part = input.take(std::size_t(std::find(all.begin(), all.end(), std::byte{0}) - all.begin()));
  input.take(1);
  return part;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fs::path folder = fs::temp_directory_path() / ("fuzz_checkpoint_" + std::to_string(getpid()));
  fs::create_directories(folder);
  fuzz::Input input(data, size);
  const auto index = upToZero(input);
  fs::remove(folder / "model.safetensors.index.json");
  if (!index.empty()) writeFile(folder / "model.safetensors.index.json", index);
  writeFile(folder / "config.json", upToZero(input));
  writeFile(folder / (index.empty() ? "model.safetensors" : "shard.safetensors"), input.rest());
  fs::remove(folder / (index.empty() ? "shard.safetensors" : "model.safetensors"));
  (void)inspect(folder);
  const auto base = BaseModel::open(folder);
  if (!base) {
    fuzz::require(!base.error().message.empty() && base.error().code != ErrorCode::Internal);
    return 0;
  }
  for (const auto& tensor : base->checkpoint().tensors()) {
    for (const DType type : {tensor.dtype, DType::BF16, DType::F32}) {
      SliceBuffer slice;
      const std::uint64_t elements = std::min<std::uint64_t>(tensor.elements, 2 * kTileElements);
      (void)base->slice(tensor.name, type, 0, static_cast<std::size_t>(elements), true, slice);
      (void)base->kindOf(tensor.name, type);
    }
    fuzz::require(base->hash(tensor.name).has_value());
  }
  return 0;
}
