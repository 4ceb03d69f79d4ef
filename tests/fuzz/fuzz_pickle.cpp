// SPDX-License-Identifier: Apache-2.0
// A file of torch or of the scripts, as each of the three readers takes it: a bare pickle, a ZIP of tensors, a payload.
// Whatever is accepted is read to its end.
#include <array>
#include <vector>

#include "core/checkpoint/pickle.h"
#include "core/checkpoint/torch_file.h"
#include "core/payload/scripts_payload.h"
#include "tests/fuzz/input.h"

namespace {

using namespace deltascope;

void readPickle(const std::filesystem::path& path, std::size_t size) {
  const auto file = RandomAccessFile::open(path);
  fuzz::require(file.has_value());
  const auto pickle = Pickle::read(*file, 0, size);
  if (!pickle) return fuzz::require(!pickle.error().message.empty());
  const PickleValue& root = pickle->root();
  fuzz::require(root.bytes <= size && root.items.size() <= kMostPickleItems);
  for (const PickleRef ref : root.items)
    fuzz::require((*pickle)[ref].kind != PickleKind::Bytes || (*pickle)[ref].offset + (*pickle)[ref].bytes <= size);
}

void readTensors(const std::filesystem::path& path, std::size_t size) {
  const auto file = TorchFile::open(path);
  if (!file) return;
  std::uint64_t read = 0;
  for (const TensorInfo& tensor : file->tensors()) {
    fuzz::require(tensor.offset + tensor.bytes <= size);
    std::vector<std::byte> content(tensor.bytes);
    if ((read += tensor.bytes) > 16 * size) break;  // views of one storage
    fuzz::require(file->read(tensor, 0, content).has_value());
    std::byte beyond{};
    fuzz::require(!file->read(tensor, tensor.bytes, {&beyond, 1}).has_value());
  }
}

void readPayload(const std::filesystem::path& path, std::size_t size) {
  constexpr std::size_t kMostBlocks = 64;  // a frame of a few bytes may inflate to gigabytes
  const auto payload = ScriptsPayload::open(path);
  if (!payload) return;
  std::size_t blocks = 0;
  for (const ScriptsTensor& tensor : payload->tensors()) {
    fuzz::require(payload->find(tensor.name) == &tensor);
    fuzz::require(payload->check(tensor).has_value());
    for (std::size_t chunk = 0; chunk < tensor.chunks() && blocks < kMostBlocks; ++chunk) {
      fuzz::require(tensor.positions[chunk].offset + tensor.positions[chunk].bytes <= size);
      ScriptsPairs pairs(*payload, tensor, chunk);
      std::array<std::int64_t, 512> positions{};
      std::array<float, 512> values{};
      for (;;) {
        const auto came = pairs.next(positions, values);
        if (!came || *came < positions.size() || ++blocks >= kMostBlocks) break;
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::MemoryFile bytes(fuzz::Input(data, size).rest());
  readPickle(bytes.path(), size);
  readTensors(bytes.path(), size);
  readPayload(bytes.path(), size);
  return 0;
}
