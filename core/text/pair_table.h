// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A hash table from pairs of 32-bit numbers to 64-bit values: open addressing, half full at most. Merges and tries look
/// millions of pairs up, and a node-based map is several times slower.
#include <bit>
#include <cstdint>
#include <vector>

namespace deltascope::text {

class PairTable {
 public:
  static constexpr std::uint64_t kAbsent = ~std::uint64_t{0};

  explicit PairTable(std::size_t entries = 0) { m_slots.resize(std::bit_ceil(2 * entries + 2)); }

  [[nodiscard]] std::uint64_t find(std::uint32_t a, std::uint32_t b) const {
    for (std::size_t i = start(key(a, b));; i = (i + 1) & (m_slots.size() - 1)) {
      if (m_slots[i].value == kAbsent) return kAbsent;
      if (m_slots[i].key == key(a, b)) return m_slots[i].value;
    }
  }
  /// Adds or replaces. `value` is not kAbsent.
  void set(std::uint32_t a, std::uint32_t b, std::uint64_t value) {
    if (2 * (m_count + 1) > m_slots.size()) grow();
    Slot& slot = place(key(a, b));
    if (slot.value == kAbsent) ++m_count;
    slot = {key(a, b), value};
  }

 private:
  struct Slot {
    std::uint64_t key = 0, value = kAbsent;
  };
  static std::uint64_t key(std::uint32_t a, std::uint32_t b) { return std::uint64_t{a} << 32 | b; }
  std::size_t start(std::uint64_t k) const {
    k = (k ^ (k >> 32)) * 0x9E3779B97F4A7C15u;
    return static_cast<std::size_t>(k ^ (k >> 29)) & (m_slots.size() - 1);
  }
  Slot& place(std::uint64_t k) {
    std::size_t i = start(k);
    while (m_slots[i].value != kAbsent && m_slots[i].key != k) i = (i + 1) & (m_slots.size() - 1);
    return m_slots[i];
  }
  void grow() {
    std::vector<Slot> old(m_slots.size() * 2);
    old.swap(m_slots);
    for (const Slot& slot : old)
      if (slot.value != kAbsent) place(slot.key) = slot;
  }

  std::vector<Slot> m_slots;
  std::size_t m_count = 0;
};

}  // namespace deltascope::text
