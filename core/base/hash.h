// SPDX-License-Identifier: Apache-2.0
#pragma once
/// XXH3 (github.com/Cyan4973/xxHash, specification 0.1.1): checksums of chunks (64 bits) and identities of tensors (128 bits).
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace deltascope {

struct Hash128 {
  std::uint64_t high = 0, low = 0;
  auto operator<=>(const Hash128&) const = default;
};

[[nodiscard]] std::uint64_t hash64(std::span<const std::byte> bytes);
[[nodiscard]] Hash128 hash128(std::span<const std::byte> bytes);
[[nodiscard]] std::string toHex(const Hash128& hash);  ///< 32 digits, as `xxhsum -H2` prints
[[nodiscard]] std::optional<Hash128> hashFromHex(std::string_view hex);

/// hash128 of bytes that arrive in pieces.
class Hasher128 {
 public:
  Hasher128();
  ~Hasher128();
  Hasher128(Hasher128&&) noexcept;
  Hasher128& operator=(Hasher128&&) noexcept;
  void update(std::span<const std::byte> bytes);
  [[nodiscard]] Hash128 digest() const;

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

}  // namespace deltascope
