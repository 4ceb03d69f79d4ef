// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Pseudo-random numbers that any thread can compute on its own: SplitMix64 (Steele, Lea and Flood 2014).
#include <cstdint>

namespace deltascope {

class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t state) : m_state(state) {}
  /// Number `index` of the stream that begins with `state`, from 0.
  [[nodiscard]] static std::uint64_t at(std::uint64_t state, std::uint64_t index) {
    return SplitMix64(state + index * kStep).next();
  }
  std::uint64_t next() {
    std::uint64_t z = m_state += kStep;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// In (0, 1).
  double uniform() { return (static_cast<double>(next() >> 11) + 0.5) * 0x1p-53; }

 private:
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15;
  std::uint64_t m_state;
};

}  // namespace deltascope
