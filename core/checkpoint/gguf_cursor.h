// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Reads a file's header from front to back, checked against its end.
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "core/base/file.h"

namespace deltascope {

/// Numbers are little-endian, as this program's machines are. Untrusted bytes: a text or a run that goes past the file is
/// Corrupt, with its offset.
class GgufCursor {
 public:
  GgufCursor(const RandomAccessFile& file, std::uint64_t begin) : m_file(file), m_at(begin) {}

  [[nodiscard]] std::uint64_t offset() const { return m_at; }
  [[nodiscard]] std::uint64_t left() const { return m_file.size() - m_at; }

  [[nodiscard]] Result<void> bytes(std::span<std::byte> into, std::string_view what);
  [[nodiscard]] Result<void> skip(std::uint64_t count, std::string_view what);
  template <class T>
  [[nodiscard]] Result<T> number(std::string_view what) {
    static_assert(std::is_arithmetic_v<T>);
    std::byte raw[sizeof(T)];
    DELTASCOPE_TRY(bytes(raw, what));
    T value;
    std::memcpy(&value, raw, sizeof(T));
    return value;
  }
  /// A u64 length of at most `limit`, and as many bytes.
  [[nodiscard]] Result<std::string> text(std::uint64_t limit, std::string_view what);
  [[nodiscard]] Result<void> skipText(std::string_view what);
  [[nodiscard]] tl::unexpected<Error> corrupt(std::uint64_t offset, std::string_view what, std::string tensor = {}) const;

 private:
  [[nodiscard]] Result<std::uint64_t> length(std::uint64_t limit, std::string_view what);

  const RandomAccessFile& m_file;
  std::uint64_t m_at;
  std::vector<std::byte> m_window;  // what was read ahead
  std::uint64_t m_windowAt = 0;
};

}  // namespace deltascope
