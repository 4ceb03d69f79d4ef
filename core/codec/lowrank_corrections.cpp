// SPDX-License-Identifier: Apache-2.0
#include "core/codec/lowrank_corrections.h"

#include <bit>

#include "core/codec/bytes.h"
#include "kernels/ordered.h"

namespace deltascope {
namespace {

constexpr std::uint32_t kRaw = 0xffffffffu;
constexpr std::size_t kHeader = 8;
constexpr unsigned kMaxLow = 30;

std::uint32_t loadOrdered(unsigned size, const std::byte* from) {
  return size == 2 ? kernels::toOrdered16(loadAs<std::uint16_t>(from)) : kernels::toOrdered32(loadAs<std::uint32_t>(from));
}
void storeOrdered(unsigned size, std::byte* to, std::uint32_t value) {
  if (size == 2)
    storeAs(to, kernels::fromOrdered16(static_cast<std::uint16_t>(value)));
  else
    storeAs(to, kernels::fromOrdered32(value));
}

class BitSink {
 public:
  explicit BitSink(std::vector<std::byte>& out) : m_out(out) {}
  void put(std::uint32_t value, unsigned bits) {  // bits ≤ 32
    m_window |= std::uint64_t{value} << m_have;
    for (m_have += bits; m_have >= 8; m_have -= 8, m_window >>= 8) m_out.push_back(static_cast<std::byte>(m_window & 255));
  }
  void putUnary(std::uint64_t zeros) {
    for (; zeros >= 31; zeros -= 31) put(0, 31);
    put(1u << zeros, static_cast<unsigned>(zeros) + 1);
  }
  void finish() {
    if (m_have) m_out.push_back(static_cast<std::byte>(m_window));
  }

 private:
  std::vector<std::byte>& m_out;
  std::uint64_t m_window = 0;
  unsigned m_have = 0;
};

/// Reads that go past the end give zeros and are noticed afterwards.
class BitSource {
 public:
  explicit BitSource(std::span<const std::byte> bytes) : m_bytes(bytes) {}
  std::uint32_t take(unsigned bits) {  // bits ≤ 32
    refill();
    const auto value = static_cast<std::uint32_t>(m_window & ((std::uint64_t{1} << bits) - 1));
    m_window >>= bits;
    m_have -= static_cast<int>(bits);
    return value;
  }
  std::uint64_t takeUnary() {
    std::uint64_t zeros = 0;
    for (;;) {
      refill();
      if (m_have <= 0) {
        m_have = -1;
        return zeros;
      }
      if (m_window != 0) break;
      zeros += static_cast<unsigned>(m_have);
      m_have = 0;
    }
    const auto run = static_cast<unsigned>(std::countr_zero(m_window));
    m_window >>= run;
    m_window >>= 1;
    m_have -= static_cast<int>(run) + 1;
    return zeros + run;
  }
  [[nodiscard]] bool pastEnd() const { return m_have < 0; }
  /// Bytes of which any bit was taken.
  [[nodiscard]] std::size_t used() const { return m_next - static_cast<std::size_t>(m_have) / 8; }

 private:
  void refill() {
    for (; m_have >= 0 && m_have <= 56 && m_next < m_bytes.size(); m_have += 8)
      m_window |= static_cast<std::uint64_t>(m_bytes[m_next++]) << m_have;
  }
  std::span<const std::byte> m_bytes;
  std::size_t m_next = 0;
  std::uint64_t m_window = 0;
  int m_have = 0;
};

}  // namespace

std::size_t correctionsBound(std::size_t finalBytes) { return static_cast<std::size_t>(roundUp(kHeader + finalBytes, 16)); }

ChunkStats encodeCorrections(unsigned elementBytes, std::span<const std::byte> applied, std::span<const std::byte> final,
                             std::vector<std::byte>& out) {
  const auto count = final.size() / elementBytes;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < count; ++i)
    if (std::memcmp(applied.data() + i * elementBytes, final.data() + i * elementBytes, elementBytes) != 0) places.push_back(i);
  if (places.empty()) return {};

  const auto begin = out.size();
  // The mean gap's median, rounded down to a power of two: the Rice parameter that loses least.
  const auto typical = static_cast<std::uint64_t>(0.7 * static_cast<double>(count) / static_cast<double>(places.size()));
  const auto k = std::min(static_cast<unsigned>(std::bit_width(typical | 1)) - 1, kMaxLow);
  append(out, static_cast<std::uint32_t>(std::min<std::size_t>(places.size(), kRaw)));
  append(out, std::uint32_t{k});
  BitSink bits(out);
  std::size_t next = 0;
  bool raw = places.size() >= kRaw;
  for (const auto i : places) {
    if (raw) break;
    const std::uint64_t gap = i - next;
    next = i + 1;
    bits.putUnary(gap >> k);
    bits.put(static_cast<std::uint32_t>(gap & ((1u << k) - 1)), k);
    const unsigned width = 8 * elementBytes;
    const auto mask = static_cast<std::uint32_t>((std::uint64_t{1} << width) - 1);
    const std::uint32_t up = (loadOrdered(elementBytes, final.data() + i * elementBytes) -
                              loadOrdered(elementBytes, applied.data() + i * elementBytes)) &
                             mask;
    const bool negative = up >> (width - 1);
    const std::uint32_t distance = negative ? (0 - up) & mask : up;
    const auto below = static_cast<unsigned>(std::bit_width(distance)) - 1;
    bits.put(negative, 1);
    bits.putUnary(below);
    bits.put(distance & ((1u << below) - 1), below);
    raw = out.size() - begin >= kHeader + final.size();
  }
  bits.finish();
  raw = raw || out.size() - begin > kHeader + final.size();
  if (raw) {
    out.resize(begin);
    append(out, kRaw);
    append(out, std::uint32_t{0});
    out.insert(out.end(), final.begin(), final.end());
  }
  padTo16(out, begin);
  return {.patches = raw ? 0 : places.size(), .rawTiles = raw ? ceilDiv(count, kTileElements) : 0};
}

ChunkStats correctionStats(std::span<const std::byte> chunk, std::uint64_t chunkElements) {
  if (chunk.size() < kHeader) return {};
  const auto corrections = loadAs<std::uint32_t>(chunk.data());
  const bool raw = corrections == kRaw && loadAs<std::uint32_t>(chunk.data() + 4) == 0;
  return {.patches = raw ? 0 : corrections, .rawTiles = raw ? ceilDiv(chunkElements, kTileElements) : 0};
}

Result<void> decodeCorrections(unsigned elementBytes, std::span<const std::byte> chunk, std::uint64_t chunkElements,
                               std::uint64_t offset, std::span<std::byte> final) {
  const auto bad = [](std::size_t at, std::string_view what) { return corruptAt(CodecId::LowRank, at, what); };
  if (chunk.empty()) return {};
  if (chunk.size() < kHeader) return bad(chunk.size(), "it ends inside its header");
  const auto corrections = loadAs<std::uint32_t>(chunk.data()), k = loadAs<std::uint32_t>(chunk.data() + 4);
  const std::size_t count = chunkElements, end = offset + final.size() / elementBytes;
  if (corrections == kRaw && k == 0) {
    const auto raw = chunk.subspan(kHeader);
    if (raw.size() / elementBytes < count) return bad(chunk.size(), "it ends inside its elements");
    if (!final.empty()) std::memcpy(final.data(), raw.data() + offset * elementBytes, final.size());
    if (!isPadding(raw.subspan(count * elementBytes)))
      return bad(kHeader + count * elementBytes, "bytes follow the last element");
    return {};
  }
  if (corrections == 0 || corrections > count) return bad(0, "more corrections than elements, or none");
  if (k > kMaxLow) return bad(4, "unknown kind of corrections");
  BitSource bits(chunk.subspan(kHeader));
  const auto at = [&] { return kHeader + std::min(bits.used(), chunk.size() - kHeader); };
  std::size_t next = 0;
  for (std::uint32_t n = 0; n < corrections; ++n) {
    const auto units = bits.takeUnary();
    if (units > count >> k) return bad(at(), "a correction lies outside the chunk");
    const std::uint64_t gap = units << k | bits.take(k);
    const bool negative = bits.take(1);
    const auto below = bits.takeUnary();
    if (below >= 8 * elementBytes) return bad(at(), "a correction is too large");
    const std::uint32_t distance = 1u << below | bits.take(static_cast<unsigned>(below));
    if (bits.pastEnd()) return bad(chunk.size(), "it ends inside its corrections");
    if (gap >= count - next) return bad(at(), "a correction lies outside the chunk");
    next += gap;
    if (next >= end) return {};
    const std::size_t position = next++;
    if (position < offset) continue;
    auto* element = final.data() + (position - offset) * elementBytes;
    storeOrdered(elementBytes, element, loadOrdered(elementBytes, element) + (negative ? 0 - distance : distance));
  }
  if (!isPadding(chunk.subspan(at()))) return bad(at(), "bytes follow the last correction");
  return {};
}

}  // namespace deltascope
