// SPDX-License-Identifier: Apache-2.0
// Fitting residual models: where bins begin, how wide fields are, and which buckets a prefix code has.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "core/codec/prefix_code.h"
#include "core/codec/residual_model.h"
#include "core/codec/residual_tiles.h"

namespace deltascope::residual {
namespace {

using kernels::AnchorKind;
using kernels::AnchorRule;

constexpr double kPatchBits = 32;

/// Counts of x for each context: contexts × 65,536.
using Counts = std::vector<std::uint32_t>;

Counts countDifferences(const AnchorRule& rule, std::span<const DeltaSample> samples) {
  Counts counts(rule.contexts() << 16);
  const auto tile = std::make_unique<Tile>();
  for (const auto& sample : samples) {
    for (std::size_t t = 0; t < tileCount(sample.base.count); ++t) {
      loadBase(rule, sample.base, t * kernels::kTile, *tile);
      if (!tile->usable) continue;
      loadFinal(rule, sample.base, sample.final, t * kernels::kTile, *tile);
      for (std::size_t i = 0; i < tile->count; ++i) ++counts[static_cast<std::size_t>(tile->contexts[i]) << 16 | tile->x[i]];
    }
  }
  return counts;
}

struct Field {
  unsigned width = 1;
  bool isSigned = false;
  std::uint16_t offset = 0;
  double cost = std::numeric_limits<double>::infinity();
};

double fieldCost(unsigned width, double total, double inside) { return width * total + kPatchBits * (total - inside); }

std::uint64_t sumOf(const std::uint32_t* counts, std::size_t begin, std::size_t end) {
  std::uint64_t sum = 0;
  for (std::size_t i = begin; i < end; ++i) sum += counts[i];
  return sum;
}

/// The cheapest field that begins at the anchor, plain or signed, for one context's counts; patches included.
Field fieldAtAnchor(const std::uint32_t* counts) {
  Field best;
  std::uint64_t below[17], above[16];  // of x < 2^width, and of the same behind a set sign
  below[0] = counts[0];
  above[0] = counts[0x8000];
  for (unsigned width = 1; width <= 15; ++width) {
    const std::size_t half = std::size_t{1} << (width - 1);
    below[width] = below[width - 1] + sumOf(counts, half, 2 * half);
    above[width] = above[width - 1] + sumOf(counts, 0x8000 + half, 0x8000 + 2 * half);
  }
  below[16] = below[15] + above[15];
  const auto total = static_cast<double>(below[16]);
  for (unsigned width = 1; width <= 16; ++width) {
    const double plain = fieldCost(width, total, static_cast<double>(below[width]));
    if (plain < best.cost) best = {width, false, 0, plain};
    const double withSign = fieldCost(width, total, static_cast<double>(below[width - 1] + above[width - 1]));
    if (width > 1 && withSign < best.cost) best = {width, true, 0, withSign};
  }
  return best;
}

/// The cheapest field that begins anywhere.
Field fieldAnywhere(const std::uint32_t* counts) {
  Field best = fieldAtAnchor(counts);
  std::vector<std::uint64_t> sums(2 * 65536 + 1, 0);
  for (std::size_t i = 0; i < 2 * 65536; ++i) sums[i + 1] = sums[i] + counts[i & 65535];
  const auto total = static_cast<double>(sums[65536]);
  for (unsigned width = 1; width <= 15; ++width) {
    std::uint64_t most = 0;
    std::size_t offset = 0;
    for (std::size_t o = 0; o < 65536; ++o)
      if (const std::uint64_t inside = sums[o + (std::size_t{1} << width)] - sums[o]; inside > most) most = inside, offset = o;
    const double cost = fieldCost(width, total, static_cast<double>(most));
    if (cost < best.cost) best = {width, false, static_cast<std::uint16_t>(offset), cost};
  }
  return best;
}

/// Moves each bin edge by a few units in the last place to where fixed-width fields are cheapest.
std::vector<Field> fitEdges(AnchorRule& rule, std::span<const DeltaSample> samples) {
  const AnchorRule start = rule;
  std::vector<Field> best(16);
  for (int shift = -3; shift <= 2; ++shift) {
    AnchorRule tried = start;
    tried.mantissaBits = 0;
    for (auto& lo : tried.lo) lo = static_cast<std::uint16_t>(lo + shift);
    const Counts counts = countDifferences(tried, samples);
    for (std::size_t code = 0; code < 16; ++code) {
      const Field field = fieldAtAnchor(counts.data() + (code << 16));
      if (field.cost < best[code].cost) {
        best[code] = field;
        rule.lo[code] = tried.lo[code];
      }
    }
  }
  return best;
}

}  // namespace

Result<ModelPtr> fitFieldModel(std::span<const DeltaSample> samples) {
  if (samples.empty()) return fail(ErrorCode::InvalidArgument, "a residual model needs at least one sample");
  ModelHead head{samples[0].base.kind, samples[0].base.finalType, {}};
  head.rule = defaultRule(head.base, head.finalType, samples);
  std::vector<Field> fields;
  if (head.rule.kind == AnchorKind::Nibble) {
    fields = fitEdges(head.rule, samples);
  } else {
    const Counts counts = countDifferences(head.rule, samples);
    for (std::size_t c = 0; c < head.rule.contexts(); ++c) fields.push_back(fieldAnywhere(counts.data() + (c << 16)));
  }
  kernels::FieldTable table;
  table.width.fill(1);
  for (std::size_t c = 0; c < fields.size(); ++c) {
    table.width[c] = static_cast<std::uint8_t>(fields[c].width);
    table.isSigned[c] = fields[c].isSigned;
    table.offset[c] = fields[c].offset;
  }
  return std::make_shared<const FieldModel>(std::move(head), table);
}

Result<ModelPtr> fitPrefixModel(std::span<const DeltaSample> samples) {
  if (samples.empty()) return fail(ErrorCode::InvalidArgument, "a residual model needs at least one sample");
  ModelHead head{samples[0].base.kind, samples[0].base.finalType, {}};
  head.rule = defaultRule(head.base, head.finalType, samples);
  const bool nibble = head.rule.kind == AnchorKind::Nibble;
  // Four-bit bases leave near-uniform differences, for which 16 equal prefixes are as good and decode with a small table.
  const unsigned prefixBits = nibble ? 4 : 8;
  if (nibble) {
    fitEdges(head.rule, samples);
    head.rule.mantissaBits = 2;
  }
  const Counts counts = countDifferences(head.rule, samples);
  const std::size_t contexts = head.rule.contexts();
  // A context the sample hardly met borrows a little of what all contexts share, so that it does not patch everything.
  std::vector<std::uint32_t> pooled(65536);
  for (std::size_t i = 0; i < counts.size(); ++i) pooled[i & 65535] += counts[i];
  std::vector<std::vector<Bucket>> buckets(contexts);
  for (std::size_t c = 0; c < contexts; ++c) {
    const std::span<const std::uint32_t> own(counts.data() + (c << 16), 65536);
    std::uint64_t seen = 0;
    for (auto n : own) seen += n;
    const auto source = seen >= 64 ? own : std::span<const std::uint32_t>(pooled);
    buckets[c] = nibble ? equalPrefixes(source, prefixBits) : huffmanPrefixes(source, prefixBits);
  }
  return std::make_shared<const PrefixModel>(std::move(head), prefixBits, std::move(buckets));
}

}  // namespace deltascope::residual
