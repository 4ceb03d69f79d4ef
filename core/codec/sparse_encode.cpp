// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/codec/sparse_tile.h"

namespace deltascope {
namespace {

/// Bits into a buffer with room for a whole word beyond them.
class BitWriter {
 public:
  explicit BitWriter(std::byte* to) : m_begin(to), m_at(to) {}
  void put(std::uint64_t bits, unsigned length) {  // length ≤ 56
    m_window |= bits << m_have;
    m_have += length;
    storeAs(m_at, m_window);
    m_at += m_have >> 3;
    m_window >>= m_have & ~7u;
    m_have &= 7;
  }
  [[nodiscard]] std::size_t wholeBytes() const { return static_cast<std::size_t>(m_at - m_begin); }
  /// The stream's size without the zero bytes at its end.
  [[nodiscard]] std::size_t finish() {
    if (m_have) storeAs(m_at++, static_cast<std::uint8_t>(m_window));
    while (m_at != m_begin && m_at[-1] == std::byte{0}) --m_at;
    return wholeBytes();
  }

 private:
  std::byte* m_begin;
  std::byte* m_at;
  std::uint64_t m_window = 0;
  unsigned m_have = 0;
};

template <class T>
std::size_t encodeBits(const SparseModel& model, const SparseType& type, const std::byte* values, const std::byte* final,
                       std::size_t count, std::byte* out, std::uint64_t& escapes) {
  SparseOrder order;
  orderTile(type, model.top, values, count, order);
  std::array<T, kTileElements> x;
  for (std::size_t i = 0; i < count; ++i)
    x[i] = static_cast<T>(toOrdered(loadAs<T>(final + i * sizeof(T))) - toOrdered(loadAs<T>(values + i * sizeof(T))));

  std::array<std::uint16_t, kTileElements> changed;
  BitWriter writer(out);
  const auto limit = count * sizeof(T);
  std::uint64_t escaped = 0;
  for (auto c = kSparseClasses; c-- > 0;) {
    const auto& code = model.classes[c];
    const auto skip = code.codes[kSparseSkip].length;
    const unsigned span = code.k + 2;
    const auto* positions = order.order.data() + order.begin[c];
    std::uint32_t next = 0;
    const auto skipUnits = [&](std::uint32_t n) {
      for (std::uint32_t bits = n * skip; bits > 0;) {
        const auto some = std::min(bits, 56u);
        writer.put(0, some);
        bits -= some;
      }
    };
    std::size_t changes = 0;  // listed first without a branch, which could not be predicted
    for (std::uint32_t i = 0; i < order.size[c]; ++i) {
      changed[changes] = static_cast<std::uint16_t>(i);
      changes += x[positions[i]] != 0;
    }
    for (std::size_t n = 0; n < changes; ++n) {
      const std::uint32_t i = changed[n];
      const T value = x[positions[i]];
      const std::uint32_t gap = i - next;
      next = i + 1;
      if (gap >> span) skipUnits(gap >> span);
      const std::uint32_t left = gap & ((1u << span) - 1);
      const auto v = sparseValue<T>(value);
      const auto& symbol = code.codes[kSparseFirst + (left >> code.k) * 2 * type.buckets + v.symbol];
      if (symbol.length) {
        const std::uint64_t low = left & ((1u << code.k) - 1);
        writer.put(symbol.bits | low << symbol.length | std::uint64_t{v.raw} << (symbol.length + code.k),
                   symbol.length + code.k + v.rawBits);
      } else {
        const auto& escape = code.codes[kSparseEscape];
        writer.put(escape.bits | std::uint64_t{left} << escape.length | std::uint64_t{value} << (escape.length + span),
                   escape.length + span + type.bits);
        ++escaped;
      }
      if (writer.wholeBytes() >= limit) return limit;
    }
    const auto end = order.size[c] - next;
    skipUnits((end + (1u << span) - 1) >> span);
    if (writer.wholeBytes() >= limit) return limit;
  }
  escapes += escaped;
  return writer.finish();
}

}  // namespace

std::size_t encodeSparseTile(const SparseModel& model, const std::byte* values, const std::byte* final, std::size_t count,
                             std::byte* out, std::uint64_t& escapes) {
  const auto type = sparseType(model.type);
  const auto raw = count * (type.bits / 8);
  if (std::memcmp(values, final, raw) == 0) return 0;
  std::uint64_t escaped = 0;
  const auto size = type.bits == 32 ? encodeBits<std::uint32_t>(model, type, values, final, count, out, escaped)
                                    : encodeBits<std::uint16_t>(model, type, values, final, count, out, escaped);
  if (size < raw) {
    escapes += escaped;
    return size;
  }
  std::memcpy(out, final, raw);
  return raw;
}

}  // namespace deltascope
