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

/// The cheapest field for one context's counts, patches included. Offsets are tried only where `anyOffset`.
Field bestField(const std::uint32_t* counts, bool anyOffset) {
  double total = 0;
  std::vector<double> sums(2 * 65536 + 1, 0.0);
  for (std::size_t i = 0; i < 2 * 65536; ++i) sums[i + 1] = sums[i] + counts[i & 65535];
  total = sums[65536];
  Field best;
  const auto consider = [&](unsigned width, bool isSigned, std::uint16_t offset, double inside) {
    const double cost = width * total + kPatchBits * (total - inside);
    if (cost < best.cost) best = {width, isSigned, offset, cost};
  };
  for (unsigned width = 1; width <= 16; ++width) {
    const std::size_t span = std::size_t{1} << width;
    consider(width, false, 0, sums[span]);
    if (width > 1) consider(width, true, 0, sums[span / 2] + sums[0x8000 + span / 2] - sums[0x8000]);
    if (anyOffset)
      for (std::size_t o = 0; o < 65536; ++o) consider(width, false, static_cast<std::uint16_t>(o), sums[o + span] - sums[o]);
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
      const Field field = bestField(counts.data() + (code << 16), false);
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
    for (std::size_t c = 0; c < head.rule.contexts(); ++c) fields.push_back(bestField(counts.data() + (c << 16), true));
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
