// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Backends and numbers for the tests of operations, which run on every device that can be used here. Buffers have exactly the
/// size that is needed, for the address sanitizer.
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

/// Backends that give the same bits: the processor's all together, each GPU alone.
inline const std::vector<std::vector<Opened>>& everyDevice() {
  static const auto all = [] {
    std::vector<std::vector<Opened>> devices{everyBackend()};
    for (const DeviceInfo& info : kernels::devices()) {
      if (info.id.rfind("cuda:", 0) != 0 || !info.usable) continue;
      BackendOptions options;
      options.device = info.id;
      auto backend = openBackend(options);
      if (!backend) qFatal("%s: %s", info.id.c_str(), backend.error().message.c_str());
      devices.push_back({{info.id, *backend}});
    }
    return devices;
  }();
  return all;
}
inline bool isProcessor(const Opened& opened) { return opened.backend->onHost(); }

/// The slot everyDeviceTakesPart of each program: passes over without a GPU, and says why there is none.
inline void skipWithoutGpu() {
  QVERIFY(!everyDevice().front().empty());
  if (everyDevice().size() > 1) return;
  std::string reasons;
  for (const DeviceInfo& info : kernels::devices())
    if (info.id != "cpu") reasons += (reasons.empty() ? "" : "; ") + info.id + ": " + info.reason;
  QSKIP(qPrintable(QString::fromStdString("the processor alone, no GPU: " + reasons)));
}

/// A copy of the host's values in a backend's memory.
template <class T>
class There {
 public:
  There(Backend& backend, const std::vector<T>& values) : m_backend(backend), m_count(values.size()) {
    auto memory = backend.allocate(bytes(), "a test");
    if (!memory) qFatal("%s", memory.error().message.c_str());
    m_memory = std::move(*memory);
    backend.copyIn(m_memory.data(), values.data(), bytes());
    wait();
  }
  [[nodiscard]] T* data() const { return m_memory.as<T>(); }
  [[nodiscard]] std::vector<T> back() const {
    std::vector<T> values(m_count);
    wait();
    m_backend.copyOut(values.data(), m_memory.data(), bytes());
    return values;
  }

 private:
  [[nodiscard]] std::uint64_t bytes() const { return m_count * sizeof(T); }
  void wait() const {
    if (auto done = m_backend.synchronize(); !done) qFatal("%s", done.error().message.c_str());
  }
  Backend& m_backend;
  std::size_t m_count;
  Buffer m_memory;
};

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
