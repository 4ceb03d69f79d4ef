// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/delta_source.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "core/base/units.h"
#include "core/codec/residual.h"
#include "core/codec/statistics.h"
#include "core/codec/traits.h"

namespace deltascope {
namespace {

/// Elements made at a time where tiles can be found alone: with the codes it fits the second cache of one core.
constexpr std::uint64_t kStepElements = 32 * kTileElements;

std::uint64_t endOf(const ChunkInfo& chunk) { return chunk.first + chunk.elements; }

bool sameCuts(const std::vector<ChunkInfo>& a, const std::vector<ChunkInfo>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const ChunkInfo& x, const ChunkInfo& y) { return x.first == y.first && x.elements == y.elements; });
}

}  // namespace

std::vector<std::pair<std::size_t, std::size_t>> chunksOf(const TensorOrigin& origin, std::uint64_t first, std::uint64_t end) {
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  for (const auto& step : origin.steps) {
    const auto begin = std::partition_point(step.chunks.begin(), step.chunks.end(),
                                            [&](const ChunkInfo& chunk) { return endOf(chunk) <= first; });
    const auto stop = std::partition_point(begin, step.chunks.end(), [&](const ChunkInfo& chunk) { return chunk.first < end; });
    ranges.emplace_back(begin - step.chunks.begin(), stop - step.chunks.begin());
  }
  return ranges;
}

PieceShape pieceShape(const TensorOrigin& origin) {
  PieceShape shape;
  const std::uint64_t size = bytesOf(origin.dtype);
  std::uint64_t largest = 0, tallest = 0;
  bool byTiles = true, values = false, cuts = true;
  for (const auto& chunk : origin.steps.back().chunks)
    shape.pieces.push_back(chunk.first - std::min(chunk.first, origin.first));
  shape.pieces.push_back(origin.elements);
  for (std::size_t p = 0; p + 1 < shape.pieces.size(); ++p) largest = std::max(largest, shape.pieces[p + 1] - shape.pieces[p]);
  for (const auto& step : origin.steps) {
    const auto& coder = codec(step.stats->codec);
    values = values || (isQuantized(step.stats->base) && coder.needsValues());
    cuts = cuts && sameCuts(step.chunks, origin.steps.back().chunks);
    for (const auto& chunk : step.chunks) {
      byTiles = byTiles && coder.rangeStep(step.stats->dtype, chunk.elements) <= kTileElements;
      shape.deltaBytes += roundUp(chunk.bytes, 64);
      tallest = std::max(tallest, chunk.elements);
    }
    shape.deltaBytes += traitsOf(step.stats->codec).modelBytes(step.stats->storedBytes);
  }
  shape.byTiles = byTiles && cuts;
  shape.step =
      shape.byTiles ? std::min(kStepElements, std::max<std::uint64_t>(largest, 1)) : std::max<std::uint64_t>(largest, 1);
  for (std::size_t p = 0; p + 1 < shape.pieces.size(); ++p) {
    std::uint64_t bytes = 0;
    const ChunkInfo& cut = origin.steps.back().chunks[p];
    const auto ranges = chunksOf(origin, cut.first, endOf(cut));
    for (std::size_t s = 0; s < ranges.size(); ++s)
      for (std::size_t c = ranges[s].first; c < ranges[s].second; ++c) bytes += roundUp(origin.steps[s].chunks[c].bytes, 64);
    shape.pieceBytes = std::max(shape.pieceBytes, bytes);
  }
  // A part may begin and end inside a tile.
  const bool straddles = isPart(origin) && (origin.first % kTileElements != 0 || origin.elements % kTileElements != 0);
  const std::uint64_t made = shape.step + (straddles ? 2 * kTileElements : 0);
  shape.workBytes = made * size * (origin.steps.size() - 1 + values);
  if (!cuts || (straddles && !shape.byTiles)) shape.workBytes += tallest * size;
  if (straddles && shape.byTiles) shape.workBytes += made * size;
  return shape;
}

bool keepsRows(const TensorOrigin& origin) {
  return std::ranges::all_of(origin.steps, [&](const DeltaStep& step) { return step.stats->elements == origin.elements; });
}

StreamPiece streamPiece(const TensorOrigin& origin, std::size_t piece) {
  StreamPiece reads;
  const auto& cuts = origin.steps.back().chunks;
  const auto ranges = chunksOf(origin, cuts[piece].first, endOf(cuts[piece]));
  for (std::size_t s = 0; s < ranges.size(); ++s)
    for (std::size_t c = ranges[s].first; c < ranges[s].second; ++c) {
      StreamRead read;
      read.payload = origin.steps[s].payload;
      read.stats = origin.steps[s].stats;
      read.chunk = origin.steps[s].chunks[c];
      reads.push_back(std::move(read));
    }
  return reads;
}

Result<std::shared_ptr<const ResidentDeltas>> loadDeltas(kernels::Backend& backend, const TensorOrigin& origin,
                                                         const std::stop_token& stop) {
  auto deltas = std::make_shared<ResidentDeltas>();
  std::uint64_t bytes = 0;
  for (const auto& step : origin.steps) {
    auto& offsets = deltas->offsets.emplace_back();
    for (const auto& chunk : step.chunks) {
      offsets.push_back(bytes);
      bytes += roundUp(chunk.bytes, 64);
    }
  }
  DELTASCOPE_ASSIGN(deltas->bytes, fromBackend(backend.allocate(bytes, origin.spec.name)));
  for (std::size_t s = 0; s < origin.steps.size(); ++s) {
    const DeltaStep& step = origin.steps[s];
    for (std::size_t c = 0; c < step.chunks.size(); ++c) {
      if (stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
      const std::span<std::byte> into(deltas->bytes.as<std::byte>() + deltas->offsets[s][c],
                                      static_cast<std::size_t>(step.chunks[c].bytes));
      DELTASCOPE_TRY(step.payload->readChunk(*step.stats, step.chunks[c], into));
    }
  }
  return deltas;
}

/// A thread's scratch, and the piece it is at.
struct DeltaSource::Work {
  std::uint64_t source = 0;  ///< number of the source the piece belongs to; 0: none
  std::size_t piece = 0;
  std::vector<std::pair<std::size_t, std::size_t>> ranges;  ///< chunks of each step
  PieceBytes bytes;
  std::vector<std::byte> stored;               ///< where nobody else holds the piece's bytes
  std::vector<std::vector<std::byte>> values;  ///< below each step
  std::vector<std::byte> whole;                ///< a chunk that cannot be cut
  SliceBuffer base;
};

Result<std::unique_ptr<DeltaSource>> DeltaSource::create(const TensorOrigin& origin, DeltaPlaces places) {
  static std::atomic<std::uint64_t> numbers{0};
  auto source = std::unique_ptr<DeltaSource>(new DeltaSource(origin, std::move(places)));
  source->m_number = ++numbers;
  source->m_shape = pieceShape(origin);
  for (const auto& step : origin.steps) {
    DELTASCOPE_ASSIGN(auto model, step.payload->model(*step.stats));
    source->m_models.push_back(std::move(model));
  }
  const bool tables = source->m_shape.byTiles && std::ranges::all_of(origin.steps, [](const DeltaStep& step) {
                        return tileTableBytes(step.stats->codec, step.stats->dtype, kTileElements) > 0;
                      });
  if (source->m_places.byRows && tables && !source->m_places.ring && !source->m_places.deltas)
    source->m_checked = std::vector<std::atomic<bool>>(source->pieces());
  return source;
}

/// Finds the stored bytes of a piece: in memory, in the ring, or in the files.
Result<void> DeltaSource::bindPiece(std::size_t piece, Work& work) const {
  work.source = 0;
  const ChunkInfo& cut = m_origin.steps.back().chunks[piece];
  work.ranges = chunksOf(m_origin, cut.first, endOf(cut));
  work.bytes.assign(m_origin.steps.size(), {});
  std::span<const std::byte> stored;
  if (m_places.ring) {
    DELTASCOPE_ASSIGN(stored, m_places.ring->take(m_places.ringTensor, piece));
  } else if (!m_places.deltas) {
    const StreamPiece reads = streamPiece(m_origin, piece);
    work.stored.resize(slotBytes(reads));
    DELTASCOPE_TRY(readPiece(reads, work.stored));
    stored = work.stored;
  }
  std::uint64_t at = 0;
  for (std::size_t s = 0; s < work.ranges.size(); ++s)
    for (std::size_t c = work.ranges[s].first; c < work.ranges[s].second; ++c) {
      const std::uint64_t size = m_origin.steps[s].chunks[c].bytes;
      if (m_places.deltas) {
        work.bytes[s].emplace_back(m_places.deltas->bytes.as<std::byte>() + m_places.deltas->offsets[s][c], size);
      } else {
        work.bytes[s].push_back(stored.subspan(at, size));
        at += roundUp(size, 64);
      }
    }
  work.source = m_number;
  work.piece = piece;
  return {};
}

/// Of a piece that was read whole before: the tables of its chunks, and the tiles of [first, first + count).
Result<void> DeltaSource::bindTiles(std::size_t piece, std::uint64_t first, std::uint64_t count, Work& work) const {
  work.source = 0;  // what is bound serves this range alone
  const StreamPiece reads = streamPiece(m_origin, piece);
  work.ranges = chunksOf(m_origin, m_origin.first + first, m_origin.first + first + count);
  work.bytes.assign(reads.size(), {});
  work.stored.resize(std::max<std::size_t>(work.stored.size(), slotBytes(reads)));
  std::uint64_t at = 0;
  for (std::size_t s = 0; s < reads.size(); ++s) {  // all steps have the same cuts: a chunk each
    const StreamRead& read = reads[s];
    const CodecId id = read.stats->codec;
    const auto chunk = std::span(work.stored).subspan(at, read.chunk.bytes);
    const std::uint64_t table = tileTableBytes(id, read.stats->dtype, read.chunk.elements);
    DELTASCOPE_TRY(read.payload->readPart(*read.stats, read.chunk, 0, chunk.first(std::min<std::size_t>(table, chunk.size()))));
    const IndexRange tiles = decodedWith(id, read.stats->dtype, read.chunk, {m_origin.first + first, count});
    DELTASCOPE_ASSIGN(const IndexRange there,
                      tileBytes(id, chunk, read.chunk.elements, tiles.first - read.chunk.first, tiles.count));
    DELTASCOPE_TRY(read.payload->readPart(*read.stats, read.chunk, there.first, chunk.subspan(there.first, there.count)));
    work.bytes[s].push_back(chunk);
    at += roundUp(chunk.size(), 64);
  }
  return {};
}

Result<void> DeltaSource::baseSlice(std::uint64_t first, std::size_t count, DType type, bool withValues, Work& work,
                                    BaseSlice& slice) const {
  if (!m_places.base) {
    if (!m_places.file || m_origin.bottom == BaseKind::None) {
      slice = {};
      slice.finalType = type;
      slice.first = first;
      slice.count = count;
      return {};
    }
    DELTASCOPE_TRY(m_places.file->slice(m_origin.baseName, type, first, count, withValues, work.base));
    slice = work.base.slice;
    return {};
  }
  const ResidentBase& base = *m_places.base;
  slice = base.slice(type, {first, count});
  if (!withValues || !isQuantized(base.kind)) return {};
  work.base.values.resize(count * bytesOf(type));
  baseValues(slice, work.base.values);
  slice.values = work.base.values;
  return {};
}

Result<void> DeltaSource::sliceBelow(std::size_t level, std::uint64_t first, std::size_t count, Work& work,
                                     BaseSlice& slice) const {
  const TensorStats& stats = *m_origin.steps[level].stats;
  if (level == 0) return baseSlice(first, count, stats.dtype, codec(stats.codec).needsValues(), work, slice);
  auto& values = work.values[level];
  values.resize(count * bytesOf(stats.dtype));
  const std::uint64_t below = m_origin.steps[level - 1].stats->elements;
  const auto there = static_cast<std::size_t>(first < below ? std::min<std::uint64_t>(count, below - first) : 0);
  DELTASCOPE_TRY(decodeLevel(level - 1, first, there, work, values));
  std::fill(values.begin() + static_cast<std::ptrdiff_t>(there * bytesOf(stats.dtype)), values.end(), std::byte{0});
  slice = {};
  slice.kind = BaseKind::Same;
  slice.finalType = stats.dtype;
  slice.first = first;
  slice.count = count;
  slice.values = values;
  return {};
}

Result<void> DeltaSource::decodeLevel(std::size_t level, std::uint64_t first, std::size_t count, Work& work,
                                      std::span<std::byte> into) const {
  const DeltaStep& step = m_origin.steps[level];
  const auto& coder = codec(step.stats->codec);
  const std::uint64_t size = bytesOf(step.stats->dtype), end = first + count;
  for (std::size_t c = work.ranges[level].first; c < work.ranges[level].second; ++c) {
    const ChunkInfo& chunk = step.chunks[c];
    const std::uint64_t from = std::max(first, chunk.first), to = std::min(end, endOf(chunk));
    if (from >= to) continue;
    const auto bytes = work.bytes[level][c - work.ranges[level].first];
    const IndexRange decoded = decodedWith(step.stats->codec, step.stats->dtype, chunk, {from, to - from});
    BaseSlice slice;
    DELTASCOPE_TRY(sliceBelow(level, decoded.first, static_cast<std::size_t>(decoded.count), work, slice));
    const auto target = into.subspan((from - first) * size, (to - from) * size);
    const bool exact = decoded.first == from && decoded.count == to - from;
    if (!exact) work.whole.resize(decoded.count * size);
    const std::span<std::byte> made = exact ? target : std::span(work.whole);
    if (decoded.count == chunk.elements)
      DELTASCOPE_TRY(coder.decode(slice, bytes, m_models[level].get(), made));
    else
      DELTASCOPE_TRY(coder.decodeRange(slice, chunk.elements, decoded.first - chunk.first, bytes, m_models[level].get(), made));
    if (!exact) std::memcpy(target.data(), made.data() + (from - decoded.first) * size, target.size());
  }
  return {};
}

Result<void> DeltaSource::makeRange(std::size_t piece, std::uint64_t first, std::uint64_t count,
                                    std::span<std::byte> into) const {
  static thread_local Work work;
  // A ring's piece is taken when it is begun, and given back at its end.
  if (work.source != m_number || work.piece != piece || (m_places.ring && first == m_shape.pieces[piece])) {
    const bool checked = !m_checked.empty() && m_checked[piece];
    DELTASCOPE_TRY(checked ? bindTiles(piece, first, count, work) : bindPiece(piece, work));
    if (!m_checked.empty()) m_checked[piece] = true;
  }
  work.values.resize(std::max(work.values.size(), m_origin.steps.size()));
  DELTASCOPE_TRY(decodeLevel(m_origin.steps.size() - 1, m_origin.first + first, static_cast<std::size_t>(count), work, into));
  if (m_places.ring && first + count == m_shape.pieces[piece + 1]) {
    work.source = 0;
    m_places.ring->done(m_places.ringTensor, piece);
  }
  return {};
}

kernels::Outcome<void> DeltaSource::make(std::size_t piece, std::uint64_t first, std::uint64_t count, std::byte* into) const {
  const auto failed = [&](kernels::Failure::Kind kind, const std::string& message, std::string hint) {
    if (m_places.ring) m_places.ring->abandon();
    return tl::make_unexpected(kernels::Failure{kind, message, std::move(hint)});
  };
  try {
    auto made = makeRange(piece, first, count, {into, static_cast<std::size_t>(count * bytesOf(m_origin.dtype))});
    if (made) return {};
    const Error& error = made.error();
    const bool named = error.message.find(m_origin.spec.name) != std::string::npos;
    return failed(kernels::Failure::Kind::Data,
                  named ? error.message : at({m_origin.steps.back().payload->path(), m_origin.spec.name, {}}, error.message),
                  error.hint);
  } catch (const std::bad_alloc&) {
    return failed(kernels::Failure::Kind::OutOfMemory, "not enough memory to rebuild " + m_origin.spec.name, {});
  } catch (const std::exception& e) {
    return failed(kernels::Failure::Kind::Data, at({{}, m_origin.spec.name, {}}, e.what()), {});
  }
}

}  // namespace deltascope
