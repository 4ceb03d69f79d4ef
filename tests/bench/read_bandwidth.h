// SPDX-License-Identifier: Apache-2.0
#pragma once
/// How fast this machine reads memory: the floor of everything that multiplies at batch 1.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace deltascope::bench {

/// f(begin, end) on each of `threads` equal parts.
inline void split(std::uint64_t n, unsigned threads, const std::function<void(std::uint64_t, std::uint64_t)>& f) {
  std::vector<std::thread> others;
  for (unsigned t = 1; t < threads; ++t) others.emplace_back(f, n * t / threads, n * (t + 1) / threads);
  f(0, n / threads);
  for (auto& other : others) other.join();
}

/// Adds all words up in a few wide sums.
inline std::uint64_t readAll(const std::uint64_t* words, std::uint64_t n) {
  using Wide = std::uint64_t __attribute__((vector_size(16)));
  const auto* wide = reinterpret_cast<const Wide*>(words);
  Wide a{}, b{}, c{}, d{};
  for (std::uint64_t i = 0; i + 4 <= n / 2; i += 4) {
    a += wide[i];
    b += wide[i + 1];
    c += wide[i + 2];
    d += wide[i + 3];
  }
  const Wide sum = a + b + c + d;
  return sum[0] + sum[1];
}

/// Bytes a second of one pass over `words`.
inline double readBandwidth(const std::vector<std::uint64_t>& words, unsigned threads) {
  static std::atomic<std::uint64_t> sink{0};
  const auto start = std::chrono::steady_clock::now();
  split(words.size(), threads,
        [&](std::uint64_t begin, std::uint64_t end) { sink += readAll(words.data() + begin, end - begin); });
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return static_cast<double>(words.size() * sizeof(std::uint64_t)) / seconds;
}

}  // namespace deltascope::bench
