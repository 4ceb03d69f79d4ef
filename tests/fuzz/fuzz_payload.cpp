// SPDX-License-Identifier: Apache-2.0
// A whole payload file: opened, its directories, models and chunks read.
#include "core/payload/payload.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deltascope;
  const fuzz::MemoryFile bytes(fuzz::Input(data, size).rest());
  const auto payload = Payload::open(bytes.path());
  if (!payload) return 0;
  for (const TensorStats& tensor : payload->tensors()) {
    (void)explainChoice(tensor);
    (void)payload->model(tensor);
    const auto chunks = payload->chunks(tensor);
    if (!chunks) continue;
    std::uint64_t elements = 0;
    for (const ChunkInfo& chunk : *chunks) {
      elements += chunk.elements;
      const auto content = payload->readChunk(tensor, chunk);
      if (content) fuzz::require(content->size() == chunk.bytes && chunk.bytes <= size);
    }
    // What the base has already needs no chunks.
    fuzz::require(elements == (tensor.codec == CodecId::Identical ? 0 : tensor.elements));
  }
  for (const Companion& companion : payload->companions()) {
    fuzz::require(isCompanionPath(companion.path) && companion.bytes <= kMostCompanionBytes);
    const auto content = payload->readCompanion(companion);
    if (content) fuzz::require(content->size() == companion.bytes);
  }
  return 0;
}
