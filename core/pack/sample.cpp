// SPDX-License-Identifier: Apache-2.0
#include "core/pack/sample.h"

#include <algorithm>
#include <cstring>

#include "core/base/units.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kRunTiles = 4;  // long enough for zstd to show what it does
constexpr std::size_t kBudgetBytes = std::size_t{128} << 20;
constexpr std::size_t kTileBytes = kTileElements * 9;  // final, values and codes of 16- and 32-bit types, roughly

struct Run {
  std::uint64_t first = 0;
  std::size_t count = 0;
};

/// Evenly spread, the first at the start and the last at the end.
std::vector<Run> placeRuns(std::uint64_t elements, unsigned tiles) {
  const std::uint64_t all = ceilDiv(elements, kTileElements);
  std::vector<Run> runs;
  const auto add = [&](std::uint64_t tile, std::uint64_t length) {
    const std::uint64_t first = tile * kTileElements;
    runs.push_back({first, static_cast<std::size_t>(std::min(length * kTileElements, elements - first))});
  };
  if (all <= tiles) {
    for (std::uint64_t tile = 0; tile < all; tile += kRunTiles) add(tile, std::min(kRunTiles, all - tile));
    return runs;
  }
  const std::uint64_t length = std::min<std::uint64_t>(kRunTiles, tiles);
  const std::uint64_t count = std::max<std::uint64_t>(1, tiles / length);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t room = all - length;
    // 128-bit only in principle: tiles < 2^52, runs ≤ 2^16
    add(count == 1 ? room / 2 : room / (count - 1) * i + room % (count - 1) * i / (count - 1), length);
  }
  return runs;
}

/// What a reader of the new base will see as the scales of each run.
Result<std::vector<std::vector<float>>> sampleScales(const PackSources& sources, const PackTensor& tensor,
                                                     const std::vector<Run>& runs) {
  const auto& request = sources.request();
  std::vector<std::vector<float>> scales;
  if (!tensor.quantize) return scales;
  if (scalesByRow(*request.quantize)) {
    const std::uint64_t columns = tensor.stats.shape.back();
    for (const auto& run : runs) {
      const std::uint64_t row = run.first / columns;
      const std::uint64_t end = (run.first + run.count - 1) / columns + 1;
      DELTASCOPE_ASSIGN(std::vector<float> rows, sources.rowScales(tensor, row, end - row));
      scales.push_back(std::move(rows));
    }
  } else if (request.doubleQuant) {
    std::vector<float> all;
    std::vector<std::byte> bytes;
    for (const auto& run : runs) {
      bytes.resize(run.count * bytesOf(tensor.stats.dtype));
      DELTASCOPE_TRY(sources.readFinal(tensor, run.first, bytes));
      scales.emplace_back(static_cast<std::size_t>(ceilDiv(run.count, request.blocksize)));
      blockAbsmax(tensor.stats.dtype, bytes, request.blocksize, scales.back());
      all.insert(all.end(), scales.back().begin(), scales.back().end());
    }
    const NestedAbsmax nested = nestAbsmax(all);
    std::uint64_t first = 0;
    for (auto& run : scales) {
      unnestAbsmax(nested, first, run);
      first += run.size();
    }
  }
  return scales;
}

/// Whether the base would give the range back if its scales were not quantized too.
Result<bool> isExactUnnested(const PackSources& sources, const PackTensor& tensor, const Run& run) {
  PairSlice pair;
  DELTASCOPE_TRY(sources.read(tensor, run.first, run.count, {}, nullptr, pair));
  return std::ranges::equal(pair.base.slice.values, pair.final);
}

}  // namespace

std::vector<DeltaSample> TensorSample::deltaSamples() const {
  std::vector<DeltaSample> samples;
  for (const auto& run : runs) samples.push_back({run.base.slice, run.final});
  return samples;
}

Result<TensorSample> sampleTensor(const PackSources& sources, const PackTensor& tensor, unsigned tiles) {
  TensorSample sample;
  const auto runs = placeRuns(tensor.stats.elements, tiles);
  sample.whole = ceilDiv(tensor.stats.elements, kTileElements) <= tiles;
  DELTASCOPE_ASSIGN(sample.scales, sampleScales(sources, tensor, runs));
  TermsPtr terms;
  if (!tensor.terms.empty()) {
    DELTASCOPE_ASSIGN(terms, sources.termsOf(tensor));
    sample.lowRank = terms->onlyLowRank();
    if (sample.lowRank) sample.lowRankBytes = sample.lowRank->serialize().size();
  }
  sample.equal = tensor.stats.base != BaseKind::None;
  sample.unsure = !sample.whole && tensor.quantize && sources.request().doubleQuant;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    PairSlice pair;
    const std::span<const float> scales =
        sample.scales.empty() ? std::span<const float>() : std::span<const float>(sample.scales[i]);
    DELTASCOPE_TRY(sources.read(tensor, runs[i].first, runs[i].count, scales, terms.get(), pair));
    sample.equal = sample.equal && std::ranges::equal(pair.base.slice.values, pair.final);
    if (sample.unsure && !sample.equal) {
      DELTASCOPE_ASSIGN(sample.unsure, isExactUnnested(sources, tensor, runs[i]));
    }
    sample.runs.push_back(std::move(pair));
  }
  sample.unsure = sample.unsure && !sample.equal;
  return sample;
}

unsigned tilesWithinBudget(std::size_t tensors, unsigned most) {
  const std::size_t tiles = kBudgetBytes / kTileBytes / std::max<std::size_t>(tensors, 1);
  return static_cast<unsigned>(std::clamp<std::size_t>(tiles, 1, most));
}

}  // namespace deltascope
