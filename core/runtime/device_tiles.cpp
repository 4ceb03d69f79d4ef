// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/device_tiles.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "core/base/units.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kChunkAlignment = 256;
constexpr std::uint64_t kStepElements = kernels::kStep;

std::uint64_t rowsTogether(std::uint64_t columns) { return std::lcm(columns, kTileElements) / columns; }

}  // namespace

bool hasTiles(const TensorOrigin& origin) {
  if (origin.steps.size() != 1 || !origin.quantized || origin.dtype != DType::BF16) return false;
  if (!formatOf(origin.bottom).isFourBit()) return false;
  const CodecId codec = origin.steps[0].stats->codec;
  if (codec != CodecId::Entropy && codec != CodecId::Bitpack) return false;
  const auto& shape = origin.spec.shape;
  const std::uint64_t group = origin.quantized->layout.group;
  return shape.size() == 2 && shape[0] > 0 && shape[1] > 0 && shape[1] % kStepElements == 0 && std::has_single_bit(group) &&
         group >= 32 && group <= kTileElements;
}

std::uint64_t madeBytes(std::uint64_t rows, std::uint64_t columns, std::uint64_t elementBytes) {
  const std::uint64_t together = rowsTogether(columns), least = together * columns * elementBytes;
  return std::min(roundUp(rows, together) * columns * elementBytes, std::max(least, kMadeBytes / least * least));
}

std::uint64_t TileStream::largestItem() const {
  std::uint64_t largest = 0;
  for (const auto& item : items) largest = std::max(largest, chunkAt[item.endChunk] - chunkAt[item.firstChunk]);
  return largest;
}

TileStream tileStream(const TensorOrigin& origin) {
  TileStream stream;
  const auto& chunks = origin.steps[0].chunks;
  const std::uint64_t columns = origin.spec.shape[1], grain = rowsTogether(columns) * columns;
  std::uint64_t at = 0;
  for (const auto& chunk : chunks) {
    stream.chunkAt.push_back(at);
    at += roundUp(chunk.bytes, kChunkAlignment);
  }
  stream.chunkAt.push_back(at);
  // An item ends at the last cut between rows before it grows too large.
  const auto rowAt = [&](std::size_t c) { return c < chunks.size() ? chunks[c].first / columns : origin.spec.shape[0]; };
  for (std::size_t first = 0; first < chunks.size();) {
    std::size_t end = chunks.size();
    for (std::size_t c = first + 1; c < chunks.size(); ++c) {
      if (chunks[c].first % grain != 0) continue;
      if (end != chunks.size() && stream.chunkAt[c] - stream.chunkAt[first] > kFeedItemBytes) break;
      end = c;
    }
    if (end != chunks.size() && at - stream.chunkAt[first] <= kFeedItemBytes) end = chunks.size();
    TileStream::Item item{first, end, {}};
    item.rows.firstRow = rowAt(first);
    item.rows.rows = rowAt(end) - rowAt(first);
    item.rows.offset = stream.chunkAt[first];
    stream.items.push_back(item);
    first = end;
  }
  return stream;
}

Result<std::shared_ptr<const kernels::Buffer>> TileTables::get(Host& host, const ModelPtr& model) {
  const std::lock_guard lock(m_mutex);
  auto& table = m_tables[model];
  if (table) return table;
  const TileModel parts = tileModel(model.get());
  if (!parts.rule) return fail(ErrorCode::Corrupt, "its model is missing or of another codec");
  DELTASCOPE_ASSIGN(auto made, host.tileTable(*parts.rule, parts.prefix, parts.fields));
  table = std::make_shared<const kernels::Buffer>(std::move(made));
  return table;
}

Result<DeviceTiles> loadTiles(Host& host, TileTables& tables, const TensorOrigin& origin, const TileStream& stream,
                              bool keepStream, const std::stop_token& stop) {
  const DeltaStep& step = origin.steps[0];
  DeviceTiles loaded;
  DELTASCOPE_ASSIGN(const ModelPtr model, step.payload->model(*step.stats));
  DELTASCOPE_ASSIGN(loaded.table, tables.get(host, model));
  if (keepStream) {
    DELTASCOPE_ASSIGN(loaded.stream, fromBackend(host.backend().allocate(stream.bytes(), origin.spec.name)));
  }
  TileLayout layout;
  std::vector<std::byte> chunk;
  for (std::size_t c = 0; c < step.chunks.size(); ++c) {
    if (stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    const ChunkInfo& info = step.chunks[c];
    chunk.resize(info.bytes);
    DELTASCOPE_TRY(step.payload->readChunk(*step.stats, info, chunk));
    if (auto added = appendTiles(step.stats->codec, chunk, static_cast<std::size_t>(info.elements), stream.chunkAt[c], layout);
        !added)
      return fail(added.error().code,
                  at({step.payload->path(), origin.spec.name, {}}, "chunk " + std::to_string(c) + ": " + added.error().message),
                  added.error().hint);
    if (keepStream) DELTASCOPE_TRY(host.put(loaded.stream.as<std::byte>() + stream.chunkAt[c], chunk));
  }
  layout.offsets.push_back(static_cast<std::uint32_t>(stream.bytes() / 16));
  const std::uint64_t offsetBytes = layout.offsets.size() * sizeof(std::uint32_t);
  DELTASCOPE_ASSIGN(loaded.offsets, fromBackend(host.backend().allocate(offsetBytes, origin.spec.name)));
  DELTASCOPE_TRY(host.put(loaded.offsets.data(), std::as_bytes(std::span(layout.offsets))));
  const TileModel parts = tileModel(model.get());
  loaded.tiles.code = parts.prefix ? kernels::Tiles::Code::Prefix : kernels::Tiles::Code::Fields;
  loaded.tiles.stream = loaded.stream.as<std::byte>();
  loaded.tiles.offsets = loaded.offsets.as<std::uint32_t>();
  loaded.tiles.table = loaded.table->data();
  loaded.tiles.largest = layout.largest;
  loaded.tiles.factors = parts.rule->lo;
  return loaded;
}

}  // namespace deltascope
