// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A weight in full on the host: what every mode is compared with. Internal to core/bench.
#include <span>
#include <vector>

#include "core/base/hash.h"
#include "core/bench/team.h"
#include "core/runtime/variant.h"

namespace deltascope {

/// Host memory aligned to 64 bytes, as sources and decoders want it.
class HostBytes {
 public:
  explicit HostBytes(std::uint64_t bytes = 0) : m_lines(ceilDivLines(bytes)), m_bytes(bytes) {}
  [[nodiscard]] std::span<std::byte> span() {
    return {reinterpret_cast<std::byte*>(m_lines.data()), static_cast<std::size_t>(m_bytes)};
  }
  [[nodiscard]] std::span<const std::byte> span() const {
    return {reinterpret_cast<const std::byte*>(m_lines.data()), static_cast<std::size_t>(m_bytes)};
  }

 private:
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  static std::size_t ceilDivLines(std::uint64_t bytes) { return static_cast<std::size_t>((bytes + 63) / 64); }
  std::vector<Line> m_lines;
  std::uint64_t m_bytes = 0;
};

struct FinalWeight {
  HostBytes bytes;
  Hash128 hash;
};
/// From the files, on the processor, whatever the run's device. The hash is not compared with the stored one.
[[nodiscard]] Result<FinalWeight> readFinal(const Variant& variant, const TensorOrigin& origin, Team& team,
                                            const std::stop_token& stop);

/// Every element of a source, pieces in parallel.
[[nodiscard]] Result<void> makeAll(const kernels::ElementSource& source, std::uint64_t elementBytes, std::span<std::byte> into,
                                   Team& team, const std::stop_token& stop);

/// The same for a source that makes in the device's memory: begins the work; damage shows at the backend's synchronize().
[[nodiscard]] Result<void> makeOnDevice(const kernels::ElementSource& source, std::uint64_t elementBytes, std::byte* into,
                                        const std::stop_token& stop);

struct Comparison {
  std::uint64_t elements = 0, different = 0;
  std::optional<std::uint64_t> first;

  /// Bitwise, element by element; `from`: index of the first.
  void add(std::span<const std::byte> a, std::span<const std::byte> b, std::size_t elementBytes, std::uint64_t from);
};

}  // namespace deltascope
