// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <map>
#include <memory>

#include "core/base/meter.h"
#include "core/base/ordered.h"
#include "core/base/units.h"
#include "core/checkpoint/matrices.h"
#include "core/codec/residual.h"
#include "core/codec/statistics.h"
#include "core/inspect/closeup_counts.h"
#include "core/inspect/inspect.h"
#include "core/rebuild/reconstruct.h"

namespace deltascope {
namespace {

constexpr unsigned kBins = 128;
constexpr std::uint32_t kMapSide = 256;
constexpr std::uint64_t kDirectoryEntry = 16, kAlignment = 16;  // FORMAT.md
constexpr std::size_t kDeltaRun = 1 << 16;                      // deltas at a time: stays in cache

using Shares = std::map<std::string, std::uint64_t>;  ///< bytes by part of a chunk

/// Of a stack the rows of all its matrices, one below the other.
MapSums sumsOf(const TensorStats& tensor) {
  const auto matrices = matricesOf(tensor.name, tensor.shape);
  return matrices ? MapSums({matrices->count * matrices->rows, matrices->columns}, kMapSide) : MapSums(tensor.shape, kMapSide);
}

struct Measured {
  explicit Measured(const TensorStats& tensor) : sums(sumsOf(tensor)) {}
  DeltaCounts counts;
  MapSums sums;
  Shares shares;
};

/// What a chunk's bytes are; chunks of codecs without an account of their own count as a whole.
Result<void> addShares(const TensorStats& tensor, const ChunkInfo& chunk, std::span<const std::byte> bytes, Shares& shares) {
  if (tensor.codec != CodecId::Entropy && tensor.codec != CodecId::Bitpack) {
    shares[std::string(nameOf(tensor.codec)) + " stream"] += bytes.size();
    return {};
  }
  DELTASCOPE_ASSIGN(const auto parts, residualShares(tensor.codec, bytes, chunk.elements, tensor.dtype));
  for (const auto& part : parts) shares[part.part] += part.bytes;
  return {};
}

/// Evenly spaced chunks with about `limit` elements, at least one.
std::vector<ChunkInfo> sampled(const std::vector<ChunkInfo>& chunks, std::uint64_t elements, std::uint64_t limit) {
  if (elements <= limit || chunks.size() < 2) return chunks;
  const double share = static_cast<double>(limit) / static_cast<double>(elements);
  const auto wanted = static_cast<std::size_t>(share * static_cast<double>(chunks.size()));
  const std::size_t count = std::clamp<std::size_t>(wanted, 1, chunks.size());
  std::vector<ChunkInfo> chosen;
  for (std::size_t i = 0; i < count; ++i) chosen.push_back(chunks[(2 * i + 1) * chunks.size() / (2 * count)]);
  return chosen;
}

void measure(BaseSlice slice, std::span<const std::byte> final, Measured& into) {
  const unsigned size = bytesOf(slice.finalType);
  std::vector<std::int32_t> run(std::min(slice.count, kDeltaRun));
  const auto values = slice.values;
  const std::size_t all = slice.count;
  const std::uint64_t first = slice.first;
  for (std::size_t done = 0; done < all; done += slice.count) {
    slice.count = std::min(run.size(), all - done);
    slice.values = values.subspan(done * size, slice.count * size);
    const auto part = std::span(run).first(slice.count);
    deltas(slice, final.subspan(done * size, slice.count * size), part);
    into.counts.add(part);
    into.sums.add(first + done, part);
  }
}

Result<std::unique_ptr<Measured>> measureChunk(const ReconstructionSource& source, const TensorStats& tensor,
                                               const ChunkInfo& chunk) {
  SliceBuffer base;
  std::vector<std::byte> final;
  DELTASCOPE_TRY(readBase(source, tensor, chunk, true, base));
  DELTASCOPE_ASSIGN(const std::vector<std::byte> bytes, source.payload.readChunk(tensor, chunk));
  DELTASCOPE_TRY(decodeChunk(source, tensor, chunk, bytes, base.slice, final));
  if (tensor.base == BaseKind::None) {
    base.values.assign(final.size(), std::byte{0});
    base.slice.kind = BaseKind::Same;
    base.slice.values = base.values;
  }
  auto measured = std::make_unique<Measured>(tensor);
  measure(base.slice, final, *measured);
  DELTASCOPE_TRY(addShares(tensor, chunk, bytes, measured->shares));
  return measured;
}

/// Nothing to read: every delta is zero.
void closeUpIdentical(const TensorStats& tensor, TensorCloseUp& closeUp) {
  closeUp.map = sumsOf(tensor).map();
  std::ranges::fill(closeUp.map.meanMagnitude, 0.0f);
  std::ranges::fill(closeUp.map.zeroShare, 1.0f);
  closeUp.elementsRead = tensor.elements;
  if (tensor.elements == 0) return;
  closeUp.histogram.lower = {0};
  closeUp.histogram.counts = {tensor.elements};
}

/// The parts of all chunks, projected from those that were read, and what surrounds them; the largest first.
std::vector<StreamShare> streamsOf(const TensorStats& tensor, const std::vector<ChunkInfo>& chunks, const Shares& shares) {
  std::uint64_t bytes = 0, padded = 0, read = 0;
  for (const auto& chunk : chunks) {
    bytes += chunk.bytes;
    padded += roundUp(chunk.bytes, kAlignment);
  }
  for (const auto& [part, count] : shares) read += count;
  Shares all;
  if (read == 0) {  // chunks in which nothing changed are empty: what the others hold is not known
    all["chunks"] = bytes;
  } else {
    std::uint64_t given = 0;
    for (const auto& [part, count] : shares) {
      const auto projected = static_cast<std::uint64_t>(static_cast<long double>(count) * bytes / read);
      all[part] += projected;
      given += projected;
    }
    std::ranges::max_element(all, {}, &Shares::value_type::second)->second += bytes - given;  // roundings
  }
  all["padding"] += padded - bytes;
  const std::uint64_t directory = chunks.size() * kDirectoryEntry;
  all["directory"] = directory;
  all["model"] = tensor.storedBytes - std::min(tensor.storedBytes, padded + directory);
  std::vector<StreamShare> streams;
  for (const auto& [part, count] : all)
    if (count) streams.push_back({part, count});
  std::ranges::sort(streams, std::greater(), &StreamShare::bytes);
  return streams;
}

}  // namespace

Result<TensorCloseUp> closeUp(const std::filesystem::path& path, const std::filesystem::path& base, const std::string& tensor,
                              std::uint64_t elementLimit, const JobContext& job) {
  DELTASCOPE_ASSIGN(const ReconstructionSource source, openForReconstruction(path, base));
  const TensorStats* stats = source.payload.find(tensor);
  if (!stats)
    return fail(ErrorCode::NotFound, at({source.files.payload, tensor, std::nullopt}, "the payload holds no such tensor"));
  DELTASCOPE_ASSIGN(const std::vector<ChunkInfo> chunks, source.payload.chunks(*stats));
  TensorCloseUp closeUp;
  for (const auto& chunk : chunks) closeUp.chunkBytes.push_back(chunk.bytes);
  closeUp.streams = streamsOf(*stats, chunks, {});
  if (!isCodedFloat(stats->dtype)) return closeUp;
  if (stats->codec == CodecId::Identical) {
    closeUpIdentical(*stats, closeUp);
    return closeUp;
  }

  const auto chosen = sampled(chunks, stats->elements, elementLimit);
  std::uint64_t bytes = 0;
  for (const auto& chunk : chosen) bytes += chunk.elements * bytesOf(stats->dtype);
  Meter meter(job);
  meter.setTotals(bytes, 1);
  meter.phase("measuring");
  Measured total(*stats);
  DELTASCOPE_TRY(runOrdered<std::unique_ptr<Measured>>(
      chosen.size(), job.threadCount(), 2 * job.threadCount(), job.stop,
      [&](std::size_t i) { return measureChunk(source, *stats, chosen[i]); },
      [&](std::size_t i, std::unique_ptr<Measured>&& measured) -> Result<void> {
        total.counts.merge(measured->counts);
        total.sums.merge(measured->sums);
        for (const auto& [part, count] : measured->shares) total.shares[part] += count;
        closeUp.elementsRead += chosen[i].elements;
        meter.add(stats->name, chosen[i].elements * bytesOf(stats->dtype), i + 1 == chosen.size());
        return {};
      }));
  meter.finish();
  closeUp.histogram = total.counts.histogram(kBins);
  closeUp.map = total.sums.map();
  closeUp.streams = streamsOf(*stats, chunks, total.shares);
  return closeUp;
}

}  // namespace deltascope
