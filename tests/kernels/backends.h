// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Backends and numbers for the tests of operations. Buffers have exactly the size that is needed, for the address sanitizer.
#include <QtTest>
#include <bit>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/backend.h"

namespace deltascope::kernels {

struct Opened {
  std::string name;
  std::shared_ptr<Backend> backend;
};

inline std::shared_ptr<Backend> open(Isa isa, unsigned threads, std::uint64_t limit = 0) {
  BackendOptions options;
  options.isa = isa;
  options.threads = threads;
  options.memoryLimit = limit;
  auto backend = openBackend(options);
  if (!backend) qFatal("%s", backend.error().message.c_str());
  return *backend;
}

/// Every instruction set with 1, 2 and 3 threads.
inline const std::vector<Opened>& everyBackend() {
  static const auto all = [] {
    std::vector<Opened> opened;
    for (Isa isa : supportedIsas())
      for (unsigned threads : {1u, 2u, 3u})
        opened.push_back({std::string(nameOf(isa)) + ", " + std::to_string(threads) + " threads", open(isa, threads)});
    return opened;
  }();
  return all;
}

inline std::vector<float> randomFloats(std::size_t n, std::uint32_t seed, float spread = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> values(n);
  for (auto& value : values) value = normal(random);
  return values;
}

inline bool sameBits(float a, float b) { return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b); }

/// The first place where two results differ in a bit, in words; empty where they are the same.
inline std::string difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return "sizes differ";
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!sameBits(a[i], b[i]))
      return "element " + std::to_string(i) + ": " + std::to_string(a[i]) + " and " + std::to_string(b[i]);
  return {};
}

inline constexpr double kUnit = 0x1p-24;  ///< relative error of one rounding

}  // namespace deltascope::kernels
