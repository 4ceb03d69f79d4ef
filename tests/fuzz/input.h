// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the fuzz programs share: taking numbers off the front of an input, and giving an input to code that wants a path.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>

namespace deltascope::fuzz {

/// Reads little-endian numbers from the front; zero once the input is spent.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : m_rest(reinterpret_cast<const std::byte*>(data), size) {}
  std::uint64_t number(std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes && !m_rest.empty(); ++i) {
      value |= std::uint64_t(m_rest.front()) << (8 * i);
      m_rest = m_rest.subspan(1);
    }
    return value;
  }
  std::span<const std::byte> take(std::size_t bytes) {
    const auto taken = m_rest.first(std::min(bytes, m_rest.size()));
    m_rest = m_rest.subspan(taken.size());
    return taken;
  }
  [[nodiscard]] std::span<const std::byte> rest() const { return m_rest; }

 private:
  std::span<const std::byte> m_rest;
};

/// The bytes as a file in memory; the path lives as long as the object.
class MemoryFile {
 public:
  explicit MemoryFile(std::span<const std::byte> bytes) : m_descriptor(memfd_create("fuzz", 0)) {
    if (m_descriptor < 0 || write(m_descriptor, bytes.data(), bytes.size()) != ssize_t(bytes.size())) std::abort();
  }
  ~MemoryFile() { close(m_descriptor); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(m_descriptor); }

 private:
  int m_descriptor;
};

/// Stops the fuzzer where a promise is broken.
inline void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace deltascope::fuzz
