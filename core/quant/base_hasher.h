// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The hash of a base's tensor as payloads have it (core/payload/FORMAT.md, "Bases").
#include <span>

#include "core/base/hash.h"
#include "core/quant/base_slice.h"

namespace deltascope {

/// What it covers of a range: codes, or the bytes as the file has them. Borrowed.
[[nodiscard]] inline std::span<const std::byte> hashedBytes(const SliceBuffer& range) {
  if (isQuantized(range.slice.kind)) return std::as_bytes(range.slice.codes);
  return range.stored.empty() ? range.slice.values : std::span<const std::byte>(range.stored);
}

/// Gets the ranges of one tensor in order, the whole of it.
class BaseHasher {
 public:
  void add(const SliceBuffer& range) { add(hashedBytes(range)); }
  void add(std::span<const std::byte> hashed) { m_hasher.update(hashed); }
  /// `scales`: of all groups; none without codes.
  [[nodiscard]] Hash128 finish(std::span<const float> scales) {
    m_hasher.update(std::as_bytes(scales));
    return m_hasher.digest();
  }

 private:
  Hasher128 m_hasher;
};

}  // namespace deltascope
