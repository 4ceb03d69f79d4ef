// SPDX-License-Identifier: Apache-2.0
#include "core/codec/prefix_code.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace deltascope::residual {
namespace {

constexpr double kPatchBits = 32;
constexpr unsigned kMaxRawBits = 12;

/// The differences that occur, in cyclic order from behind the widest gap, so that buckets never wrap.
struct Support {
  std::vector<std::uint32_t> x;     // relative to `start`
  std::vector<std::uint64_t> sums;  // sums[i]: counts before the i-th
  std::uint16_t start = 0;

  [[nodiscard]] std::uint64_t between(std::size_t a, std::size_t b) const { return sums[b] - sums[a]; }
};

Support supportOf(std::span<const std::uint32_t> counts) {
  std::vector<std::uint32_t> present;
  for (std::uint32_t x = 0; x < counts.size(); ++x)
    if (counts[x]) present.push_back(x);
  Support support;
  support.sums.push_back(0);
  if (present.empty()) return support;
  std::size_t first = 0;
  std::uint32_t widest = 0;
  for (std::size_t i = 0; i < present.size(); ++i) {
    const std::uint32_t before = present[(i + present.size() - 1) % present.size()];
    const std::uint32_t gap = present.size() == 1 ? 65536 : (present[i] - before) & 0xffff;
    if (gap > widest) widest = gap, first = i;
  }
  support.start = static_cast<std::uint16_t>(present[first]);
  for (std::size_t i = 0; i < present.size(); ++i) {
    const std::uint32_t x = present[(first + i) % present.size()];
    support.x.push_back((x - support.start) & 0xffff);
    support.sums.push_back(support.sums.back() + counts[x]);
  }
  return support;
}

/// reach[i]: the first index whose x lies 2^j or more above the i-th's.
std::vector<std::vector<std::uint32_t>> reaches(const Support& support, unsigned maxRawBits) {
  const std::size_t n = support.x.size();
  std::vector<std::vector<std::uint32_t>> reach(maxRawBits + 1, std::vector<std::uint32_t>(n));
  for (unsigned j = 0; j <= maxRawBits; ++j) {
    std::uint32_t end = 0;
    for (std::uint32_t i = 0; i < n; ++i) {
      while (end < n && support.x[end] - support.x[i] < 1u << j) ++end;
      reach[j][i] = end;
    }
  }
  return reach;
}

std::vector<Bucket> oneBucket(unsigned prefixBits) { return {{0, 0, static_cast<std::uint8_t>(prefixBits)}}; }

/// Optimal code lengths of at most `limit` bits for ascending weights (package-merge).
std::vector<unsigned> limitedLengths(const std::vector<std::uint64_t>& ascending, unsigned limit) {
  struct Package {
    std::uint64_t weight;
    std::vector<std::uint16_t> leaves;
  };
  const std::size_t n = ascending.size();
  std::vector<Package> previous;
  for (unsigned level = 0; level < limit; ++level) {
    std::vector<Package> merged;
    for (std::size_t i = 0; i + 1 < previous.size(); i += 2) {
      Package pair{previous[i].weight + previous[i + 1].weight, std::move(previous[i].leaves)};
      pair.leaves.insert(pair.leaves.end(), previous[i + 1].leaves.begin(), previous[i + 1].leaves.end());
      merged.push_back(std::move(pair));
    }
    for (std::size_t i = 0; i < n; ++i) merged.push_back({ascending[i], {static_cast<std::uint16_t>(i)}});
    std::stable_sort(merged.begin(), merged.end(), [](const Package& a, const Package& b) { return a.weight < b.weight; });
    previous = std::move(merged);
  }
  std::vector<unsigned> lengths(n, 0);
  for (std::size_t i = 0; i < 2 * n - 2 && i < previous.size(); ++i)
    for (auto leaf : previous[i].leaves) ++lengths[leaf];
  return lengths;
}

struct Choice {
  std::size_t index;  // into the support
  unsigned rawBits;
  std::uint64_t count;
};

/// Least cost of covering the support with any number of buckets, a bucket costing its entropy, its raw bits and `perBucket`. A
/// bucket rarer than the longest prefix can say takes code space from all others: that costs too.
std::vector<Choice> entropyBuckets(const Support& support, double perBucket, unsigned maxRawBits, unsigned prefixBits) {
  const std::size_t n = support.x.size();
  const auto reach = reaches(support, maxRawBits);
  const double total = static_cast<double>(support.sums.back()), rarest = total / (1u << prefixBits), longest = prefixBits;
  std::vector<double> cost(n + 1, 0.0);
  std::vector<std::int8_t> raw(n, -1);
  for (std::size_t i = n; i-- > 0;) {
    cost[i] = cost[i + 1] + static_cast<double>(support.between(i, i + 1)) * (kPatchBits + 4);
    for (unsigned j = 0; j <= maxRawBits; ++j) {
      const std::size_t end = reach[j][i];
      const double count = static_cast<double>(support.between(i, end));
      const double wasted = std::max(0.0, rarest - count) * std::numbers::log2e;
      const double c = count * (std::min(std::log2(total / count), longest) + j) + wasted + perBucket + cost[end];
      if (c < cost[i]) cost[i] = c, raw[i] = static_cast<std::int8_t>(j);
      if (end == n) break;
    }
  }
  std::vector<Choice> chosen;
  for (std::size_t i = 0; i < n;) {
    if (raw[i] < 0) {
      ++i;
      continue;
    }
    const auto j = static_cast<unsigned>(raw[i]);
    chosen.push_back({i, j, support.between(i, reach[j][i])});
    i = reach[j][i];
  }
  return chosen;
}

}  // namespace

std::vector<Bucket> equalPrefixes(std::span<const std::uint32_t> counts, unsigned prefixBits) {
  const Support support = supportOf(counts);
  const std::size_t n = support.x.size(), buckets = std::size_t{1} << prefixBits;
  if (n == 0) return oneBucket(prefixBits);
  const unsigned maxRaw = std::min(kMaxRawBits, 16 - prefixBits);
  const auto reach = reaches(support, maxRaw);
  // cost[k][i]: least bits for the support from i on with k buckets left.
  std::vector<std::vector<double>> cost(buckets + 1, std::vector<double>(n + 1, 0.0));
  std::vector<std::vector<std::int8_t>> raw(buckets + 1, std::vector<std::int8_t>(n, -1));
  for (std::size_t k = 0; k <= buckets; ++k) {
    for (std::size_t i = n; i-- > 0;) {
      cost[k][i] = (prefixBits + kPatchBits) * static_cast<double>(support.between(i, i + 1)) + cost[k][i + 1];
      if (k == 0) continue;
      for (unsigned j = 0; j <= maxRaw; ++j) {
        const std::size_t end = reach[j][i];
        const double c = (prefixBits + j) * static_cast<double>(support.between(i, end)) + cost[k - 1][end];
        if (c < cost[k][i]) cost[k][i] = c, raw[k][i] = static_cast<std::int8_t>(j);
        if (end == n) break;
      }
    }
  }
  std::vector<Bucket> chosen;
  for (std::size_t i = 0, k = buckets; i < n;) {
    const int j = raw[k][i];
    if (j < 0) {
      ++i;
      continue;
    }
    chosen.push_back({static_cast<std::uint16_t>(support.x[i] + support.start), static_cast<std::uint8_t>(j),
                      static_cast<std::uint8_t>(prefixBits)});
    i = reach[static_cast<std::size_t>(j)][i];
    --k;
  }
  return chosen.empty() ? oneBucket(prefixBits) : chosen;
}

std::vector<Bucket> huffmanPrefixes(std::span<const std::uint32_t> counts, unsigned prefixBits) {
  const Support support = supportOf(counts);
  if (support.x.empty()) return oneBucket(prefixBits);
  const unsigned maxRaw = 16 - prefixBits;
  std::vector<Choice> chosen;
  for (double perBucket = 24;; perBucket *= 2) {  // fewer buckets until they fit comfortably
    chosen = entropyBuckets(support, perBucket, maxRaw, prefixBits);
    if (chosen.size() <= (std::size_t{1} << prefixBits) * 3 / 4) break;
  }
  if (chosen.empty()) return oneBucket(prefixBits);
  std::sort(chosen.begin(), chosen.end(), [](const Choice& a, const Choice& b) { return a.count < b.count; });
  std::vector<std::uint64_t> weights;
  for (const Choice& c : chosen) weights.push_back(c.count);
  std::vector<unsigned> lengths = chosen.size() == 1 ? std::vector<unsigned>{1} : limitedLengths(weights, prefixBits);
  std::vector<Bucket> buckets;
  for (std::size_t i = 0; i < chosen.size(); ++i)
    buckets.push_back({static_cast<std::uint16_t>(support.x[chosen[i].index] + support.start),
                       static_cast<std::uint8_t>(chosen[i].rawBits), static_cast<std::uint8_t>(lengths[i])});
  std::stable_sort(buckets.begin(), buckets.end(),
                   [](const Bucket& a, const Bucket& b) { return a.prefixBits < b.prefixBits; });
  return buckets;
}

}  // namespace deltascope::residual
