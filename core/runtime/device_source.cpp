// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/device_source.h"

#include <algorithm>

#include "core/base/units.h"
#include "core/codec/device_chunk.h"
#include "core/codec/device_decoder.h"
#include "core/codec/traits.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kAlign = 256;
/// Decoded in one go where chunks are smaller: enough tiles for every multiprocessor several times over.
constexpr std::uint64_t kPieceElements = std::uint64_t{16} << 20;

std::uint64_t endOf(const ChunkInfo& chunk) { return chunk.first + chunk.elements; }

std::uint64_t largestOf(const DeltaStep& step) {
  std::uint64_t largest = 0;
  for (const auto& chunk : step.chunks) largest = std::max(largest, chunk.elements);
  return largest;
}

/// Bytes of a chunk in the form that is decoded.
std::uint64_t formBytes(const DeltaStep& step, const ChunkInfo& chunk) {
  return deviceChunkBound(step.stats->codec, step.stats->dtype, chunk.elements, chunk.bytes);
}

/// The chunks of a step that a piece needs, and the elements that they hold.
struct Range {
  std::size_t begin = 0, end = 0;
  std::uint64_t first = 0, last = 0;
};

/// By step: what `top`, a range of the last one's chunks, needs of each below it, whose chunks are decoded whole.
std::vector<Range> rangesOf(const TensorOrigin& origin, const Range& top) {
  std::vector<Range> ranges(origin.steps.size());
  ranges.back() = top;
  for (std::size_t s = origin.steps.size() - 1; s-- > 0;) {
    const auto& chunks = origin.steps[s].chunks;
    const Range& above = ranges[s + 1];
    const auto begin =
        std::ranges::partition_point(chunks, [&](const ChunkInfo& chunk) { return endOf(chunk) <= above.first; });
    const auto end =
        std::partition_point(begin, chunks.end(), [&](const ChunkInfo& chunk) { return chunk.first < above.last; });
    Range& range = ranges[s];
    range.begin = static_cast<std::size_t>(begin - chunks.begin());
    range.end = static_cast<std::size_t>(end - chunks.begin());
    range.first = begin == end ? above.first : begin->first;
    range.last = begin == end ? above.first : endOf(*(end - 1));
  }
  return ranges;
}

/// The pieces: chunks of the last step that are decoded together.
std::vector<Range> piecesOf(const TensorOrigin& origin) {
  std::vector<Range> pieces;
  const auto& chunks = origin.steps.back().chunks;
  for (std::size_t c = 0; c < chunks.size(); ++c) {
    if (pieces.empty() || endOf(chunks[c]) - pieces.back().first > kPieceElements)
      pieces.push_back({c, c, chunks[c].first, chunks[c].first});
    pieces.back().end = c + 1;
    pieces.back().last = endOf(chunks[c]);
  }
  return pieces;
}

/// Reads a chunk in the form that is decoded; `into` is formBytes() long.
Result<void> readForm(const DeltaStep& step, const ChunkInfo& chunk, std::span<std::byte> into) {
  const TensorStats& stats = *step.stats;
  if (!isInflated(stats.codec, stats.dtype)) return step.payload->readChunk(stats, chunk, into);
  DELTASCOPE_ASSIGN(const auto stored, step.payload->readChunk(stats, chunk));
  auto written = writeDeviceChunk(stats.codec, stats.dtype, chunk.first, chunk.elements, stored, into);
  if (!written)
    return fail(written.error().code, at({step.payload->path(), stats.name, {}}, written.error().message),
                written.error().hint);
  return {};
}

}  // namespace

DeviceShape deviceShape(const TensorOrigin& origin) {
  DeviceShape shape;
  const std::uint64_t size = bytesOf(origin.dtype);
  for (const auto& step : origin.steps) {
    shape.decoderBytes += traitsOf(step.stats->codec).decoderBytes(step.stats->storedBytes, largestOf(step));
    for (const auto& chunk : step.chunks) shape.deltaBytes += roundUp(formBytes(step, chunk), kAlign);
  }
  for (const auto& piece : piecesOf(origin)) {
    shape.pieces.push_back(piece.first);
    shape.step = std::max(shape.step, piece.last - piece.first);
    const auto ranges = rangesOf(origin, piece);
    for (std::size_t s = 0; s + 1 < ranges.size(); ++s)
      shape.workBytes = std::max(shape.workBytes, (ranges[s].last - ranges[s].first) * size);
  }
  shape.pieces.push_back(origin.elements);
  shape.step = std::max<std::uint64_t>(shape.step, 1);
  return shape;
}

Result<std::shared_ptr<const DeviceDeltas>> loadDeviceDeltas(kernels::Backend& backend, const TensorOrigin& origin,
                                                             const std::stop_token& stop) {
  auto deltas = std::make_shared<DeviceDeltas>();
  std::uint64_t bytes = 0;
  for (const auto& step : origin.steps) {
    deltas->offsets.emplace_back();
    for (const auto& chunk : step.chunks) {
      deltas->offsets.back().push_back(bytes);
      bytes += roundUp(formBytes(step, chunk), kAlign);
    }
  }
  DELTASCOPE_ASSIGN(deltas->bytes, fromBackend(backend.allocate(std::max(bytes, kAlign), origin.spec.name)));
  std::vector<std::byte> form;
  for (std::size_t s = 0; s < origin.steps.size(); ++s)
    for (std::size_t c = 0; c < origin.steps[s].chunks.size(); ++c) {
      if (stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
      const ChunkInfo& chunk = origin.steps[s].chunks[c];
      form.resize(formBytes(origin.steps[s], chunk));
      DELTASCOPE_TRY(readForm(origin.steps[s], chunk, form));
      if (!form.empty()) backend.copyIn(deltas->bytes.as<std::byte>() + deltas->offsets[s][c], form.data(), form.size());
    }
  return deltas;
}

Result<void> DeviceWork::reserve(std::uint64_t bytes) {
  if (bytes <= reserved()) return {};
  for (auto& buffer : m_between) {
    buffer = {};
    DELTASCOPE_ASSIGN(buffer, fromBackend(m_decoders.backend().allocate(bytes, "weights between the steps of a stack")));
  }
  return {};
}

Result<std::unique_ptr<DeviceSource>> DeviceSource::create(DeviceWork& work, const TensorOrigin& origin,
                                                           DeviceWeightPlaces places) {
  auto source = std::unique_ptr<DeviceSource>(new DeviceSource(work, origin, std::move(places)));
  if (!source->m_places.deltas) return fail(ErrorCode::Internal, origin.spec.name + " has no deltas on the device");
  if (origin.bottom != BaseKind::None && !source->m_places.base)
    return fail(ErrorCode::Internal, origin.spec.name + " has no base on the device");
  source->m_shape = deviceShape(origin);
  DELTASCOPE_TRY(work.reserve(source->m_shape.workBytes));
  for (std::size_t s = 0; s < origin.steps.size(); ++s) {
    const TensorStats& stats = *origin.steps[s].stats;
    DELTASCOPE_ASSIGN(const auto model, origin.steps[s].payload->model(stats));
    const BaseKind below = s == 0 ? origin.bottom : BaseKind::Same;
    DELTASCOPE_ASSIGN(auto decoder, work.decoders().get(stats.codec, below, stats.dtype, model, largestOf(origin.steps[s])));
    source->m_decoders.push_back(std::move(decoder));
  }
  return source;
}

kernels::DeviceBase DeviceSource::bottom() const {
  const ResidentBase* resident = m_places.base.get();
  auto base = deviceBase(m_origin.bottom, m_origin.dtype, resident ? resident->group : 1);
  if (!resident) return base;
  if (m_origin.bottom == BaseKind::Same) {
    base.values = resident->codes.data();
  } else {
    base.codes = resident->codes.as<std::uint8_t>();
    base.scales = resident->scales.as<float>();
  }
  return base;
}

kernels::Outcome<void> DeviceSource::makePiece(std::size_t piece, std::byte* into) const {
  const auto ranges = rangesOf(m_origin, piecesOf(m_origin)[piece]);
  const std::uint64_t size = bytesOf(m_origin.dtype);
  kernels::DeviceBase base = bottom();
  for (std::size_t s = 0; s < ranges.size(); ++s) {
    std::byte* const level = s + 1 == ranges.size() ? into : m_work.between(s);
    std::vector<kernels::DecodeArgs> chunks;
    for (std::size_t c = ranges[s].begin; c < ranges[s].end; ++c) {
      const ChunkInfo& chunk = m_origin.steps[s].chunks[c];
      kernels::DecodeArgs& args = chunks.emplace_back();
      args.decoder = m_decoders[s].get();
      args.base = base;
      args.base.first = chunk.first;
      args.base.count = chunk.elements;
      args.chunkBytes = formBytes(m_origin.steps[s], chunk);
      args.chunk = m_places.deltas->bytes.as<std::byte>() + m_places.deltas->offsets[s][c];
      args.into = level + (chunk.first - ranges[s].first) * size;
      args.number = static_cast<std::uint32_t>(c);
    }
    if (auto done = m_work.decoders().decode(chunks); !done) return done;
    base = deviceBase(BaseKind::Same, m_origin.dtype, 1);
    base.values = level;
    base.start = ranges[s].first;
  }
  return {};
}

kernels::Outcome<void> DeviceSource::make(std::size_t piece, std::uint64_t first, std::uint64_t count, std::byte* into) const {
  const auto located = [&](kernels::Failure failure) {
    failure.message = at({m_origin.steps.back().payload->path(), m_origin.spec.name, {}}, failure.message);
    return tl::make_unexpected(std::move(failure));
  };
  if (piece >= pieces() || first != pieceBegin(piece) || count != pieceBegin(piece + 1) - first)
    return located({kernels::Failure::Kind::Unsupported, "a device makes whole pieces", {}});
  if (auto done = makePiece(piece, into); !done) return located(done.error());
  return {};
}

}  // namespace deltascope
