// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "core/codec/sparse_model.h"

namespace deltascope {
namespace {

std::uint32_t reversed(std::uint32_t bits, unsigned length) {
  std::uint32_t r = 0;
  for (unsigned i = 0; i < length; ++i) r |= (bits >> i & 1) << (length - 1 - i);
  return r;
}

SparseEntry entryOf(std::size_t symbol, unsigned length, unsigned k, const SparseType& type) {
  unsigned gapBits = 0, rawBits = 0, base = 0, negative = 0, gapUnits = 4, used = 0;
  if (symbol == kSparseEscape) {
    gapBits = k + 2;
    rawBits = type.bits;
    gapUnits = 0;
    used = 1;
  } else if (symbol >= kSparseFirst) {
    const auto s = symbol - kSparseFirst;
    const auto bucket = static_cast<unsigned>(s % type.buckets);
    gapUnits = static_cast<unsigned>(s / (2 * type.buckets));
    negative = static_cast<unsigned>(s / type.buckets % 2);
    base = bucket == 0 ? 1 : 2 + ((bucket + 1) & 1);
    rawBits = bucket == 0 ? 0 : (bucket + 1) / 2 - 1;
    gapBits = k;
    used = 1;
  }
  return (length + gapBits + rawBits) | length << 6 | gapBits << 10 | rawBits << 14 | base << 20 | negative << 22 |
         gapUnits << 23 | used << 26;
}

}  // namespace

bool buildSparseTables(SparseModel::Class& c, const SparseType& type) {
  if (c.lengths.size() != type.symbols() || c.k > kSparseMaxUnit) return false;
  if (c.lengths[kSparseSkip] == 0 || c.lengths[kSparseEscape] == 0) return false;
  std::uint32_t filled = 0;
  for (std::size_t symbol = 0; symbol < c.lengths.size(); ++symbol) {
    const auto length = c.lengths[symbol];
    if (length > kSparseMaxCode) return false;
    if (length) filled += 1u << (kSparseMaxCode - length);
    // Buckets that no 16- or 32-bit difference falls into.
    if (length && symbol >= kSparseFirst && (symbol - kSparseFirst) % type.buckets > 2 * type.bits - 2) return false;
  }
  if (filled != 1u << kSparseMaxCode) return false;

  std::vector<std::uint16_t> bySize(c.lengths.size());
  std::iota(bySize.begin(), bySize.end(), std::uint16_t{0});
  std::ranges::stable_sort(bySize, {}, [&](std::uint16_t symbol) { return c.lengths[symbol]; });
  c.codes.assign(c.lengths.size(), {});
  std::uint32_t next = 0;  // the codeword's bits, left-aligned in kSparseMaxCode
  for (const auto symbol : bySize) {
    const unsigned length = c.lengths[symbol];
    if (length == 0) continue;
    c.codes[symbol] = {static_cast<std::uint16_t>(reversed(next >> (kSparseMaxCode - length), length)),
                       static_cast<std::uint16_t>(length)};
    next += 1u << (kSparseMaxCode - length);
  }
  const auto flip = c.codes[kSparseSkip].bits;
  for (std::size_t symbol = 0; symbol < c.codes.size(); ++symbol) {
    auto& code = c.codes[symbol];
    if (code.length == 0) continue;
    code.bits = static_cast<std::uint16_t>((code.bits ^ flip) & ((1u << code.length) - 1));
    const auto entry = entryOf(symbol, code.length, c.k, type);
    for (std::uint32_t i = code.bits; i < c.entries.size(); i += 1u << code.length) c.entries[i] = entry;
  }
  return true;
}

std::vector<std::uint8_t> prefixLengths(std::span<const std::uint64_t> counts) {
  struct Item {
    std::uint64_t weight = 0;
    std::vector<std::uint16_t> symbols;  // a symbol occurs as often as its codeword has bits so far
  };
  std::vector<Item> leaves;
  for (std::size_t s = 0; s < counts.size(); ++s)
    if (counts[s]) leaves.push_back({counts[s], {static_cast<std::uint16_t>(s)}});
  std::ranges::stable_sort(leaves, {}, &Item::weight);
  auto row = leaves;
  for (unsigned level = 1; level < kSparseMaxCode; ++level) {
    std::vector<Item> packages;
    for (std::size_t i = 0; i + 2 <= row.size(); i += 2) {
      auto symbols = row[i].symbols;
      symbols.insert(symbols.end(), row[i + 1].symbols.begin(), row[i + 1].symbols.end());
      packages.push_back({row[i].weight + row[i + 1].weight, std::move(symbols)});
    }
    std::vector<Item> merged(leaves.size() + packages.size());
    std::ranges::merge(leaves, packages, merged.begin(), {}, &Item::weight, &Item::weight);
    row = std::move(merged);
  }
  std::vector<std::uint8_t> lengths(counts.size());
  for (std::size_t i = 0; i < 2 * leaves.size() - 2; ++i)
    for (const auto s : row[i].symbols) ++lengths[s];
  return lengths;
}

}  // namespace deltascope
