// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Payloads made on the spot.
#include <QTemporaryDir>

#include "core/base/units.h"
#include "core/pack/pack.h"
#include "core/payload/writer.h"
#include "tests/core/models/small_model.h"

namespace deltascope::test {

/// A temporary folder, with a checkpoint "base", its fine-tune "final" in three shards, and "tuned.delta.safetensors".
class TunedModel {
 public:
  explicit TunedModel(std::optional<CodecId> codec = std::nullopt, std::vector<TensorData> base = smallLlama(),
                      std::vector<TensorData> final = {}) {
    if (final.empty())
      for (const auto& tensor : base) final.push_back(nudged(tensor, 3));
    writeModel(at("base"), base);
    writeModel(at("final"), final, 3);
    PackRequest request;
    request.base = at("base");
    request.final = at("final");
    request.out = payload();
    request.codec = codec;
    take(pack(request, {}));
  }
  [[nodiscard]] fs::path at(const std::string& name) const { return fs::path(m_folder.path().toStdString()) / name; }
  [[nodiscard]] fs::path payload() const { return at("tuned.delta.safetensors"); }
  [[nodiscard]] std::vector<std::string> files() const { return filesIn(m_folder.path().toStdString()); }

 private:
  QTemporaryDir m_folder;
};

/// A payload of one raw tensor without a base; `change` may spoil its row before it is written.
inline void writeRawPayload(const fs::path& path, const TensorData& tensor, const std::function<void(TensorStats&)>& change) {
  TensorStats row;
  row.name = tensor.spec.name;
  row.dtype = tensor.spec.dtype;
  row.shape = tensor.spec.shape;
  row.elements = tensor.bytes.size() / bytesOf(row.dtype);
  row.finalBytes = tensor.bytes.size();
  row.codec = CodecId::Raw;
  row.chunkElements = roundUp(std::max<std::uint64_t>(row.elements, 1), kTileElements);
  row.finalHash = hash128(tensor.bytes);
  change(row);
  std::vector<std::byte> chunk;
  BaseSlice slice;
  slice.finalType = tensor.spec.dtype;
  slice.count = tensor.bytes.size() / bytesOf(slice.finalType);
  const auto stats = take(codec(CodecId::Raw).encode(slice, tensor.bytes, nullptr, {}, chunk));
  PayloadPlan plan;
  plan.manifest.tensors = {row};
  plan.streamBounds = {chunk.size()};
  auto writer = take(PayloadWriter::create(path, std::move(plan)));
  take(writer.appendChunk(0, chunk));
  row.rawTiles = stats.rawTiles;
  take(writer.finishTensor(0, row));
  take(writer.commit());
}

/// Where the last chunk of a tensor lies in the payload's file.
inline std::uint64_t lastChunkOffset(const fs::path& path, const std::string& tensor) {
  const auto payload = take(Payload::open(path));
  return take(SafetensorsFile::open(path)).find(tensor)->offset + take(payload.chunks(*payload.find(tensor))).back().begin;
}

}  // namespace deltascope::test
