// SPDX-License-Identifier: Apache-2.0
#include "core/base/hash.h"

#include <xxhash.h>

#include <new>

namespace deltascope {
namespace {

Hash128 fromXxh(XXH128_hash_t hash) { return {hash.high64, hash.low64}; }

constexpr std::string_view kDigits = "0123456789abcdef";

std::optional<std::uint64_t> word(std::string_view digits) {
  std::uint64_t value = 0;
  for (char c : digits) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    const auto digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    value = value << 4 | digit;
  }
  return value;
}

}  // namespace

std::uint64_t hash64(std::span<const std::byte> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

Hash128 hash128(std::span<const std::byte> bytes) { return fromXxh(XXH3_128bits(bytes.data(), bytes.size())); }

std::string toHex(const Hash128& hash) {
  std::string text(32, '0');
  for (std::size_t i = 0; i < 16; ++i) {
    text[i] = kDigits[hash.high >> (60 - 4 * i) & 15];
    text[16 + i] = kDigits[hash.low >> (60 - 4 * i) & 15];
  }
  return text;
}

std::optional<Hash128> hashFromHex(std::string_view hex) {
  if (hex.size() != 32) return std::nullopt;
  const auto high = word(hex.substr(0, 16)), low = word(hex.substr(16));
  if (!high || !low) return std::nullopt;
  return Hash128{*high, *low};
}

struct Hasher128::State {
  XXH3_state_t* xxh = XXH3_createState();  // over-aligned, so it has an allocator of its own
  State() {
    if (!xxh) throw std::bad_alloc();
    XXH3_128bits_reset(xxh);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { XXH3_freeState(xxh); }
};

Hasher128::Hasher128() : m_state(std::make_unique<State>()) {}
Hasher128::~Hasher128() = default;
Hasher128::Hasher128(Hasher128&&) noexcept = default;
Hasher128& Hasher128::operator=(Hasher128&&) noexcept = default;

void Hasher128::update(std::span<const std::byte> bytes) { XXH3_128bits_update(m_state->xxh, bytes.data(), bytes.size()); }

Hash128 Hasher128::digest() const { return fromXxh(XXH3_128bits_digest(m_state->xxh)); }

}  // namespace deltascope
