// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Reading forward through a range of a file: numbers, lines and texts. Internal to the pickle reader.
#include <optional>

#include "core/checkpoint/pickle.h"

namespace deltascope {

/// Memory: one buffer of 64 KiB. Every read past the range's end is Corrupt with the offset.
class PickleCursor {
 public:
  PickleCursor(const RandomAccessFile& file, std::uint64_t begin, std::uint64_t end)
      : m_file(file), m_position(begin), m_end(end) {}

  [[nodiscard]] std::uint64_t position() const { return m_position; }
  [[nodiscard]] std::uint64_t left() const { return m_end - m_position; }
  /// A little-endian number of up to 8 bytes.
  [[nodiscard]] Result<std::uint64_t> number(std::size_t size);
  [[nodiscard]] Result<double> bigEndianDouble();
  [[nodiscard]] Result<std::string> text(std::uint64_t size);  ///< at most kLongestPickleText bytes
  [[nodiscard]] Result<std::string> line();                    ///< up to a line feed, which is not part of it
  [[nodiscard]] Result<void> skip(std::uint64_t size);

 private:
  static constexpr std::size_t kBuffer = std::size_t{64} << 10;
  /// The next byte, after reading more of the file where needed.
  Result<std::byte> byte();

  const RandomAccessFile& m_file;
  std::uint64_t m_position, m_end;
  std::uint64_t m_bufferStart = 0;
  std::vector<std::byte> m_buffer;
};

/// Text of the opcode UNICODE: Latin-1 with \uXXXX and \UXXXXXXXX escapes, as UTF-8; empty optional when it is malformed.
[[nodiscard]] std::optional<std::string> fromRawUnicodeEscape(std::string_view text);
[[nodiscard]] bool isUtf8(std::string_view text);  ///< no surrogates, no overlong forms

}  // namespace deltascope
