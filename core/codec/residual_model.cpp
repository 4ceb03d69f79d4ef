// SPDX-License-Identifier: Apache-2.0
#include "core/codec/residual_model.h"

#include <algorithm>
#include <string>

#include "core/codec/bytes.h"
#include "core/quant/base_format.h"

namespace deltascope::residual {
namespace {

using kernels::AnchorKind;
using kernels::AnchorRule;

constexpr std::uint8_t kModelVersion = 1;
constexpr std::size_t kHeadBytes = 8 + 32;

std::uint8_t typeByte(DType type) { return type == DType::BF16 ? 0 : type == DType::F16 ? 1 : 2; }

void appendHead(const ModelHead& head, unsigned prefixBits, std::vector<std::byte>& out) {
  append(out, kModelVersion);
  append(out, static_cast<std::uint8_t>(head.base));
  append(out, typeByte(head.finalType));
  append(out, static_cast<std::uint8_t>(prefixBits));
  append(out, static_cast<std::uint8_t>(head.rule.mantissaBits));
  append(out, static_cast<std::uint8_t>(head.rule.topExponent));
  append(out, static_cast<std::uint16_t>(head.rule.contexts()));
  for (auto lo : head.rule.lo) append(out, lo);
}

tl::unexpected<Error> badModel(std::string_view what) {
  return fail(ErrorCode::Corrupt, "residual model: " + std::string(what), "the payload is damaged");
}

/// `prefixBits` 0 marks a field model.
Result<ModelHead> parseHead(std::span<const std::byte> bytes, unsigned& prefixBits) {
  if (bytes.size() < kHeadBytes) return badModel("cut off");
  const auto byte = [&](std::size_t i) { return std::to_integer<unsigned>(bytes[i]); };
  if (byte(0) != kModelVersion) return needsNewer("a residual model of version " + std::to_string(byte(0)));
  const auto base = baseKindFromNumber(byte(1));
  if (!base || byte(2) > 2) return badModel("unknown base kind or type");
  ModelHead head;
  head.base = *base;
  head.finalType = std::array{DType::BF16, DType::F16, DType::F32}[byte(2)];
  prefixBits = byte(3);
  if (prefixBits > kernels::kMaxPrefixBits) return badModel("prefix of " + std::to_string(prefixBits) + " bits");
  AnchorRule& rule = head.rule;
  rule = formatOf(head.base).anchors(head.finalType);
  rule.mantissaBits = byte(4);
  rule.topExponent = byte(5);
  if (rule.mantissaBits > 2 || (rule.mantissaBits && rule.kind != AnchorKind::Nibble))
    return badModel("absmax bits out of range");
  for (std::size_t c = 0; c < 16; ++c) rule.lo[c] = loadAs<std::uint16_t>(bytes.data() + 8 + 2 * c);
  if (loadAs<std::uint16_t>(bytes.data() + 6) != rule.contexts()) return badModel("wrong number of contexts");
  if (rule.kind != AnchorKind::Nibble && std::ranges::any_of(rule.lo, [](std::uint16_t lo) { return lo != 0; }))
    return badModel("edges of bins without a four-bit base");
  return head;
}

}  // namespace

PrefixModel::PrefixModel(ModelHead modelHead, unsigned prefixBits, std::vector<std::vector<Bucket>> contextBuckets)
    : head(std::move(modelHead)), buckets(std::move(contextBuckets)) {
  table.prefixBits = prefixBits;
  buildTables();
  if (head.rule.kind == AnchorKind::Nibble) nibble = kernels::nibbleCode(table);
}

void PrefixModel::buildTables() {
  const std::size_t contexts = buckets.size();
  table.entries.assign(contexts << table.prefixBits, 0);
  m_lookups.resize(contexts);
  m_fillers.resize(contexts);
  for (std::size_t c = 0; c < contexts; ++c) {
    // The rotation makes two clusters 2^15 apart (both signs of the zero bin) one short range.
    Lookup& look = m_lookups[c];
    std::uint32_t best = 1u << 17;
    const auto extent = [&](std::uint16_t start) {
      std::uint32_t size = 0;
      for (const Bucket& b : buckets[c]) {
        for (std::uint32_t end : {0u, (1u << b.rawBits) - 1}) {
          const auto d = static_cast<std::uint16_t>(b.offset + end - start);
          size = std::max(size, std::uint32_t{static_cast<std::uint16_t>(d << 1 | d >> 15)} + 1);
          if (b.rawBits && static_cast<std::uint16_t>(b.offset - start) / 0x8000 != d / 0x8000) size = 65536;
        }
      }
      return size;
    };
    for (const Bucket& b : buckets[c])
      for (std::uint16_t start : {b.offset, static_cast<std::uint16_t>(b.offset + 0x8000)})
        if (const auto size = extent(start); size < best) best = size, look.start = start;
    look.first = static_cast<std::uint32_t>(m_codewords.size());
    look.size = std::min(best, 65536u);
    m_codewords.resize(m_codewords.size() + look.size, 0);

    std::uint32_t next = 0;  // canonical code, left-aligned in prefixBits
    std::uint32_t shortest = 17;
    for (const Bucket& b : buckets[c]) {
      const std::uint32_t span = 1u << (table.prefixBits - b.prefixBits), code = next / span, length = b.prefixBits + b.rawBits;
      const std::uint32_t entry = ((b.offset - (code << b.rawBits)) & 0xffffu) << 16 | (32 - length);
      for (std::uint32_t k = 0; k < span; ++k) table.entries[(c << table.prefixBits) + next + k] = entry;
      for (std::uint32_t r = 0; r < 1u << b.rawBits; ++r) {
        const auto d = static_cast<std::uint16_t>(b.offset + r - look.start);
        std::uint32_t& word = m_codewords[look.first + static_cast<std::uint16_t>(d << 1 | d >> 15)];
        if (word == 0 || (word & 255) > length) word = (code << b.rawBits | r) << 8 | length;
      }
      if (length < shortest) shortest = length, m_fillers[c] = {code << b.rawBits << 8 | length, b.offset};
      next += span;
    }
    // Codes no bucket uses decode to something harmless of the shortest length.
    for (; next < 1u << table.prefixBits; ++next) table.entries[(c << table.prefixBits) + next] = 32 - std::min(shortest, 16u);
  }
}

std::vector<std::byte> PrefixModel::serialize() const {
  std::vector<std::byte> out;
  appendHead(head, table.prefixBits, out);
  for (const auto& context : buckets) {
    append(out, static_cast<std::uint8_t>(context.size() - 1));
    for (const Bucket& b : context) {
      append(out, b.offset);
      append(out, static_cast<std::uint8_t>(b.rawBits | b.prefixBits << 4));
    }
  }
  padTo16(out, 0);
  return out;
}

Result<ModelPtr> PrefixModel::parse(std::span<const std::byte> bytes) {
  unsigned prefixBits = 0;
  DELTASCOPE_ASSIGN(ModelHead head, parseHead(bytes, prefixBits));
  if (prefixBits == 0) return badModel("not a prefix code");
  std::vector<std::vector<Bucket>> buckets(head.rule.contexts());
  std::size_t at = kHeadBytes;
  for (auto& context : buckets) {
    if (at >= bytes.size()) return badModel("cut off");
    const std::size_t n = std::to_integer<std::size_t>(bytes[at++]) + 1;
    if (n > (std::size_t{1} << prefixBits) || bytes.size() - at < 3 * n) return badModel("cut off or too many buckets");
    std::uint32_t kraft = 0;
    for (std::size_t i = 0; i < n; ++i, at += 3) {
      const auto packed = std::to_integer<unsigned>(bytes[at + 2]);
      const Bucket b{loadAs<std::uint16_t>(bytes.data() + at), static_cast<std::uint8_t>(packed & 15),
                     static_cast<std::uint8_t>(packed >> 4)};
      if (b.prefixBits == 0 || b.prefixBits > prefixBits || b.prefixBits + b.rawBits > 16)
        return badModel("bucket of a bad length");
      if (!context.empty() && b.prefixBits < context.back().prefixBits) return badModel("buckets out of order");
      kraft += 1u << (prefixBits - b.prefixBits);
      context.push_back(b);
    }
    if (kraft > 1u << prefixBits) return badModel("prefix code is over-full");
  }
  if (!isPadding(bytes.subspan(at))) return badModel("bytes follow the last bucket");
  return std::make_shared<const PrefixModel>(std::move(head), prefixBits, std::move(buckets));
}

std::vector<std::byte> FieldModel::serialize() const {
  std::vector<std::byte> out;
  appendHead(head, 0, out);
  for (std::size_t c = 0; c < head.rule.contexts(); ++c) {
    append(out, static_cast<std::uint8_t>(table.width[c] | table.isSigned[c] << 7));
    append(out, std::uint8_t{0});
    append(out, table.offset[c]);
  }
  padTo16(out, 0);
  return out;
}

Result<ModelPtr> FieldModel::parse(std::span<const std::byte> bytes) {
  unsigned prefixBits = 0;
  DELTASCOPE_ASSIGN(ModelHead head, parseHead(bytes, prefixBits));
  if (prefixBits != 0) return badModel("not a field table");
  kernels::FieldTable table;
  table.width.fill(1);
  const std::size_t contexts = head.rule.contexts();
  if (bytes.size() < kHeadBytes + 4 * contexts) return badModel("cut off");
  for (std::size_t c = 0; c < contexts; ++c) {
    const std::byte* entry = bytes.data() + kHeadBytes + 4 * c;
    const auto packed = std::to_integer<unsigned>(entry[0]);
    table.width[c] = static_cast<std::uint8_t>(packed & 127);
    table.isSigned[c] = static_cast<std::uint8_t>(packed >> 7);
    table.offset[c] = loadAs<std::uint16_t>(entry + 2);
    if (table.width[c] < 1 || table.width[c] > 16) return badModel("field width out of range");
    if (entry[1] != std::byte{0}) return badModel("reserved bytes are not zero");
  }
  if (!isPadding(bytes.subspan(kHeadBytes + 4 * contexts))) return badModel("bytes follow the last field");
  return std::make_shared<const FieldModel>(std::move(head), table);
}

}  // namespace deltascope::residual
