// SPDX-License-Identifier: Apache-2.0
#include "core/inspect/closeup_counts.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "core/base/units.h"

namespace deltascope {
namespace {

constexpr unsigned kSubBits = 11;  // buckets an octave, as a power of two
constexpr std::size_t kPerOctave = std::size_t{1} << kSubBits;
constexpr std::size_t kExact = 2 * kPerOctave;
constexpr std::size_t kOctaves = 31 - kSubBits - 1;
constexpr std::size_t kSide = kExact + kOctaves * kPerOctave;
/// Deltas this many times farther apart than three quarters of them are would leave a chart with one bar.
constexpr std::int64_t kFarTail = 12;

/// Buckets of magnitudes below 2^31: 0 … 4095 one each, then 2,048 for [2^k, 2^(k+1)), each 2^shift wide.
unsigned shiftOf(std::uint32_t magnitude) {
  return magnitude < kExact ? 0 : static_cast<unsigned>(std::bit_width(magnitude)) - 1 - kSubBits;
}

std::size_t bucketOf(std::uint32_t magnitude) {
  const unsigned shift = shiftOf(magnitude);
  return shift * kPerOctave + (magnitude >> shift);
}

/// The smallest magnitude of a bucket.
std::int64_t lowestOf(std::size_t bucket) {
  if (bucket < kExact) return static_cast<std::int64_t>(bucket);
  const std::size_t shift = bucket / kPerOctave - 1;
  return static_cast<std::int64_t>(bucket % kPerOctave + kPerOctave) << shift;
}

/// −1 − delta for negative ones: magnitudes [m, m + w) are then the values [−(m + w), −m), a bin like any other.
std::uint32_t magnitudeOf(std::int32_t delta) { return static_cast<std::uint32_t>(delta < 0 ? ~delta : delta); }

/// Indices ascend with the value.
std::size_t indexOf(std::int32_t delta) {
  const std::size_t bucket = bucketOf(magnitudeOf(delta));
  return delta < 0 ? kSide - 1 - bucket : kSide + bucket;
}

/// A value inside the bucket of an index.
std::int64_t valueOf(std::size_t index) { return index >= kSide ? lowestOf(index - kSide) : -1 - lowestOf(kSide - 1 - index); }

std::int64_t bucketWidthAt(std::int64_t value) {
  return std::int64_t{1} << shiftOf(magnitudeOf(static_cast<std::int32_t>(value)));
}

std::int64_t floorTo(std::int64_t value, std::int64_t width) {
  const std::int64_t rest = value % width;
  return value - rest - (rest < 0 ? width : 0);
}

/// The smallest power of two for which at most `bins` bins, at its multiples, cover [low, high], and hold whole buckets.
std::int64_t widthFor(std::int64_t low, std::int64_t high, unsigned bins) {
  const auto magnitude = [](std::int64_t value) { return magnitudeOf(static_cast<std::int32_t>(value)); };
  std::int64_t width = std::int64_t{1} << shiftOf(std::max(magnitude(low), magnitude(high)));
  while ((floorTo(high, width) - floorTo(low, width)) / width + 1 > bins) width *= 2;
  return width;
}

using Indices = std::pair<std::size_t, std::size_t>;

/// Without the thousandth on either side.
Indices middleOf(std::span<const std::uint64_t> counts, std::uint64_t all) {
  const std::uint64_t tail = all / 1000;
  std::size_t low = 0, high = counts.size() - 1;
  for (std::uint64_t seen = counts[low]; seen <= tail; seen += counts[low]) ++low;
  for (std::uint64_t seen = counts[high]; seen <= tail; seen += counts[high]) --high;
  return {low, high};
}

/// The shortest run of values that holds three quarters of all.
Indices densestOf(std::span<const std::uint64_t> counts, std::uint64_t all) {
  const std::uint64_t wanted = all - all / 4;
  Indices best{0, counts.size() - 1};
  std::uint64_t inside = 0;
  for (std::size_t low = 0, end = 0; end < counts.size();) {
    inside += counts[end++];
    for (; inside - counts[low] >= wanted; ++low) inside -= counts[low];
    if (inside >= wanted && valueOf(end - 1) - valueOf(low) < valueOf(best.second) - valueOf(best.first)) best = {low, end - 1};
  }
  return best;
}

}  // namespace

DeltaCounts::DeltaCounts() : m_counts(2 * kSide) {}

void DeltaCounts::add(std::span<const std::int32_t> deltas) {
  for (const std::int32_t delta : deltas) ++m_counts[indexOf(delta)];
}

void DeltaCounts::merge(const DeltaCounts& other) {
  for (std::size_t i = 0; i < m_counts.size(); ++i) m_counts[i] += other.m_counts[i];
}

std::uint64_t DeltaCounts::total() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : m_counts) sum += count;
  return sum;
}

Histogram DeltaCounts::histogram(unsigned bins) const {
  Histogram histogram;
  const std::uint64_t all = total();
  if (all == 0) return histogram;
  auto [low, high] = middleOf(m_counts, all);
  const auto [denseLow, denseHigh] = densestOf(m_counts, all);
  const std::int64_t dense = valueOf(denseHigh) - valueOf(denseLow) + bucketWidthAt(valueOf(denseHigh));
  if (valueOf(high) - valueOf(low) > kFarTail * dense) {
    while (low < denseLow && valueOf(low) < valueOf(denseLow) - dense / 2) ++low;
    while (high > denseHigh && valueOf(high) > valueOf(denseHigh) + dense / 2) --high;
  }
  const std::int64_t width = histogram.binWidth = widthFor(valueOf(low), valueOf(high), bins);
  const std::int64_t start = floorTo(valueOf(low), width), end = floorTo(valueOf(high), width) + width;
  histogram.counts.resize(static_cast<std::size_t>((end - start) / width));
  for (std::size_t i = 0; i < histogram.counts.size(); ++i)
    histogram.lower.push_back(start + static_cast<std::int64_t>(i) * width);
  for (std::size_t i = 0; i < m_counts.size(); ++i) {
    if (m_counts[i] == 0) continue;
    const std::int64_t value = valueOf(i);
    if (value < start)
      histogram.below += m_counts[i];
    else if (value >= end)
      histogram.above += m_counts[i];
    else
      histogram.counts[static_cast<std::size_t>((value - start) / width)] += m_counts[i];
  }
  return histogram;
}

MapSums::MapSums(const std::vector<std::uint64_t>& shape, std::uint32_t side) {
  std::uint64_t rows = shape.size() < 2 ? 1 : shape.front();
  for (std::size_t i = shape.size() < 2 ? 0 : 1; i < shape.size(); ++i) m_tensorColumns *= shape[i];
  if (rows == 0 || m_tensorColumns == 0) return;
  m_layout.rowsPerCell = ceilDiv(rows, side);
  m_layout.columnsPerCell = ceilDiv(m_tensorColumns, side);
  m_layout.rows = static_cast<std::uint32_t>(ceilDiv(rows, m_layout.rowsPerCell));
  m_layout.columns = static_cast<std::uint32_t>(ceilDiv(m_tensorColumns, m_layout.columnsPerCell));
  m_cells.resize(std::size_t{m_layout.rows} * m_layout.columns);
}

void MapSums::add(std::uint64_t first, std::span<const std::int32_t> deltas) {
  while (!deltas.empty()) {
    const std::uint64_t row = first / m_tensorColumns, column = first % m_tensorColumns;
    const std::uint64_t cellColumn = column / m_layout.columnsPerCell;
    const std::uint64_t end = std::min((cellColumn + 1) * m_layout.columnsPerCell, m_tensorColumns);
    const std::size_t count = std::min<std::uint64_t>(end - column, deltas.size());
    Cell& cell = m_cells[row / m_layout.rowsPerCell * m_layout.columns + cellColumn];
    std::uint64_t magnitude = 0, zeros = 0;
    for (const std::int32_t delta : deltas.first(count)) {
      magnitude += static_cast<std::uint64_t>(std::abs(std::int64_t{delta}));
      zeros += delta == 0;
    }
    cell.magnitude += static_cast<double>(magnitude);
    cell.zeros += zeros;
    cell.elements += count;
    deltas = deltas.subspan(count);
    first += count;
  }
}

void MapSums::merge(const MapSums& other) {
  for (std::size_t i = 0; i < m_cells.size(); ++i) {
    m_cells[i].magnitude += other.m_cells[i].magnitude;
    m_cells[i].zeros += other.m_cells[i].zeros;
    m_cells[i].elements += other.m_cells[i].elements;
  }
}

DeltaMap MapSums::map() const {
  DeltaMap map = m_layout;
  for (const Cell& cell : m_cells) {
    const auto elements = static_cast<double>(cell.elements);
    map.meanMagnitude.push_back(cell.elements ? static_cast<float>(cell.magnitude / elements) : -1.0f);
    map.zeroShare.push_back(cell.elements ? static_cast<float>(static_cast<double>(cell.zeros) / elements) : -1.0f);
  }
  return map;
}

}  // namespace deltascope
