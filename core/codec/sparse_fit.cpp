// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/codec/sparse_model.h"
#include "core/codec/sparse_tile.h"

namespace deltascope {
namespace {

constexpr std::size_t kExponents = 256;
constexpr std::size_t kValues = 128;  ///< signs × buckets, at most
constexpr std::uint16_t kEnd = 0xffff;

/// By exponent: unchanged elements, then changed ones by sign and bucket.
using Histogram = std::array<std::array<std::uint64_t, 1 + kValues>, kExponents>;

/// The last run of a class in a tile, which no change ends, has value kEnd.
struct Run {
  std::uint16_t gap = 0;
  std::uint16_t value = kEnd;
};

template <class T>
T differenceAt(const DeltaSample& sample, std::size_t i) {
  return static_cast<T>(toOrdered(loadAs<T>(sample.final.data() + i * sizeof(T))) -
                        toOrdered(loadAs<T>(sample.base.values.data() + i * sizeof(T))));
}

template <class T>
void count(const SparseType& type, const DeltaSample& sample, Histogram& histogram) {
  for (std::size_t i = 0; i < sample.base.count; ++i) {
    const T x = differenceAt<T>(sample, i);
    auto& row = histogram[type.exponentOf(loadAs<T>(sample.base.values.data() + i * sizeof(T)))];
    ++row[x == 0 ? 0 : 1 + sparseValue<T>(x).symbol];
  }
}

/// Bits of an ideal code for the counts in `rows`, taken together.
double entropyBits(std::span<const std::array<std::uint64_t, 1 + kValues>> rows) {
  const auto term = [](double n) { return n > 0 ? n * std::log2(n) : 0.0; };
  double total = 0, inner = 0;
  for (std::size_t s = 0; s <= kValues; ++s) {
    std::uint64_t n = 0;
    for (const auto& row : rows) n += row[s];
    total += static_cast<double>(n);
    inner += term(static_cast<double>(n));
  }
  return term(total) - inner;
}

/// The exponent of class 0 that makes the sixteen classes cheapest; a class costs a little in every tile, too.
unsigned chooseTop(const Histogram& histogram, double tiles) {
  constexpr double kClassBits = 1.5;
  const auto used = [](const auto& row) { return std::ranges::any_of(row, [](std::uint64_t n) { return n != 0; }); };
  unsigned low = 0, high = kExponents - 1;
  while (low < high && !used(histogram[low])) ++low;
  while (high > low && !used(histogram[high])) --high;
  const std::span rows(histogram);
  std::array<double, kExponents> alone{};
  for (unsigned e = low; e <= high; ++e)
    alone[e] = used(histogram[e]) ? entropyBits(rows.subspan(e, 1)) + kClassBits * tiles : 0;
  unsigned best = high;
  double least = std::numeric_limits<double>::infinity();
  for (unsigned top = high + 1; top-- > low;) {
    double bits = entropyBits(rows.subspan(top, high - top + 1)) + kClassBits * tiles;
    const unsigned last = top >= kSparseClasses - 1 ? top - (unsigned{kSparseClasses} - 1) : 0;
    for (unsigned e = std::max(low, last + 1); e < top; ++e) bits += alone[e];
    if (last >= low && last < top) bits += entropyBits(rows.subspan(low, last - low + 1)) + kClassBits * tiles;
    if (bits < least) {
      least = bits;
      best = top;
    }
  }
  return best;
}

template <class T>
void collectRuns(const SparseType& type, unsigned top, const DeltaSample& sample,
                 std::array<std::vector<Run>, kSparseClasses>& runs) {
  SparseOrder order;
  for (std::size_t first = 0; first < sample.base.count; first += kTileElements) {
    const auto n = std::min<std::size_t>(kTileElements, sample.base.count - first);
    orderTile(type, top, sample.base.values.data() + first * sizeof(T), n, order);
    for (std::size_t c = 0; c < kSparseClasses; ++c) {
      std::uint32_t next = 0;
      for (std::uint32_t i = 0; i < order.size[c]; ++i) {
        const T x = differenceAt<T>(sample, first + order.order[order.begin[c] + i]);
        if (x == 0) continue;
        runs[c].push_back({static_cast<std::uint16_t>(i - next), static_cast<std::uint16_t>(sparseValue<T>(x).symbol)});
        next = i + 1;
      }
      if (next < order.size[c]) runs[c].push_back({static_cast<std::uint16_t>(order.size[c] - next), kEnd});
    }
  }
}

/// The code for unit 2^k, and its bits for the runs but for x's raw ones, which no choice changes.
double fitUnit(std::span<const Run> runs, unsigned k, const SparseType& type, std::vector<std::uint8_t>& lengths) {
  std::vector<std::uint64_t> counts(type.symbols());
  counts[kSparseSkip] = counts[kSparseEscape] = 1;
  const unsigned span = k + 2;
  for (const auto& run : runs) {
    if (run.value == kEnd) {
      counts[kSparseSkip] += (run.gap + (1u << span) - 1) >> span;
    } else {
      counts[kSparseSkip] += run.gap >> span;
      ++counts[kSparseFirst + (run.gap >> k & 3u) * 2 * type.buckets + run.value];
    }
  }
  lengths = prefixLengths(counts);
  double bits = 0;
  for (std::size_t s = 0; s < counts.size(); ++s)
    bits += static_cast<double>(counts[s]) * (lengths[s] + (s >= kSparseFirst ? k : 0));
  return bits;
}

void fitClass(std::span<const Run> runs, const SparseType& type, SparseModel::Class& c) {
  double elements = 0, changed = 0;
  for (const auto& run : runs) {
    elements += run.gap + (run.value != kEnd);
    changed += run.value != kEnd;
  }
  unsigned from = kSparseMaxUnit, to = kSparseMaxUnit;
  if (changed > 0) {
    const auto ideal = std::clamp(static_cast<int>(std::lround(std::log2(0.7 * elements / changed))), 0, int{kSparseMaxUnit});
    from = static_cast<unsigned>(std::max(ideal - 2, 0));
    to = static_cast<unsigned>(std::min(ideal + 1, int{kSparseMaxUnit}));
  }
  double least = std::numeric_limits<double>::infinity();
  std::vector<std::uint8_t> lengths;
  for (unsigned k = from; k <= to; ++k)
    if (const double bits = fitUnit(runs, k, type, lengths); bits < least) {
      least = bits;
      c.k = k;
      c.lengths = lengths;
    }
}

}  // namespace

Result<ModelPtr> fitSparseModel(std::span<const DeltaSample> samples) {
  if (samples.empty()) return fail(ErrorCode::InvalidArgument, "sparse: no sample to fit a model to");
  auto model = std::make_shared<SparseModel>();
  model->type = samples.front().base.finalType;
  const auto type = sparseType(model->type);
  auto histogram = std::make_unique<Histogram>();
  double tiles = 0;
  for (const auto& sample : samples) {
    if (!isCodedFloat(model->type) || sample.base.finalType != model->type)
      return fail(ErrorCode::InvalidArgument, "sparse: samples must be of one type, BF16, F16 or F32");
    DELTASCOPE_TRY(checkSpans(CodecId::Sparse, sample.base, sample.final.size(), true));
    tiles += static_cast<double>(ceilDiv(sample.base.count, kTileElements));
    if (type.bits == 32)
      count<std::uint32_t>(type, sample, *histogram);
    else
      count<std::uint16_t>(type, sample, *histogram);
  }
  model->top = chooseTop(*histogram, tiles);

  std::array<std::vector<Run>, kSparseClasses> runs;
  for (const auto& sample : samples) {
    if (type.bits == 32)
      collectRuns<std::uint32_t>(type, model->top, sample, runs);
    else
      collectRuns<std::uint16_t>(type, model->top, sample, runs);
  }
  for (std::size_t c = 0; c < kSparseClasses; ++c) {
    fitClass(runs[c], type, model->classes[c]);
    if (!buildSparseTables(model->classes[c], type))
      return fail(ErrorCode::Internal, "sparse: the fitted code is not a prefix code");
  }
  return ModelPtr(std::move(model));
}

}  // namespace deltascope
