// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/pickle_cursor.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "core/base/units.h"

namespace deltascope {
namespace {

/// False for what no character is.
bool appendUtf8(std::string& out, std::uint32_t c) {
  if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return false;
  if (c < 0x80) {
    out += static_cast<char>(c);
    return true;
  }
  const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  constexpr unsigned char kLead[] = {0, 0xC0, 0xE0, 0xF0};
  out += static_cast<char>(kLead[more] | c >> (6 * more));
  for (int i = more - 1; i >= 0; --i) out += static_cast<char>(0x80 | (c >> (6 * i) & 0x3F));
  return true;
}

}  // namespace

Result<std::byte> PickleCursor::byte() {
  if (m_position >= m_end)
    return fail(ErrorCode::Corrupt, at({m_file.path(), {}, m_position}, "the pickle ends here, inside an opcode"),
                "the file is incomplete; copy it again");
  if (m_position < m_bufferStart || m_position - m_bufferStart >= m_buffer.size()) {
    m_buffer.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kBuffer, left())));
    DELTASCOPE_TRY(m_file.readAt(m_position, m_buffer));
    m_bufferStart = m_position;
  }
  return m_buffer[static_cast<std::size_t>(m_position++ - m_bufferStart)];
}

Result<std::uint64_t> PickleCursor::number(std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) {
    DELTASCOPE_ASSIGN(const std::byte next, byte());
    value |= std::to_integer<std::uint64_t>(next) << (8 * i);
  }
  return value;
}

Result<double> PickleCursor::bigEndianDouble() {
  DELTASCOPE_ASSIGN(const std::uint64_t bits, number(8));
  return std::bit_cast<double>(__builtin_bswap64(bits));
}

Result<void> PickleCursor::skip(std::uint64_t size) {
  if (size > left())
    return fail(ErrorCode::Corrupt,
                at({m_file.path(), {}, m_position},
                   formatCount(size) + " bytes should follow, the pickle has " + formatCount(left()) + " left"),
                "the file is incomplete; copy it again");
  m_position += size;
  return {};
}

Result<std::string> PickleCursor::text(std::uint64_t size) {
  if (size > kLongestPickleText)
    return fail(ErrorCode::Unsupported,
                at({m_file.path(), {}, m_position},
                   "a text of " + formatCount(size) + " bytes; at most " + formatCount(kLongestPickleText) + " are read"));
  const std::uint64_t from = m_position;
  DELTASCOPE_TRY(skip(size));
  m_position = from;
  std::string text;
  text.reserve(static_cast<std::size_t>(size));
  for (std::uint64_t i = 0; i < size; ++i) {
    DELTASCOPE_ASSIGN(const std::byte next, byte());
    text += static_cast<char>(next);
  }
  return text;
}

Result<std::string> PickleCursor::line() {
  std::string text;
  for (;;) {
    DELTASCOPE_ASSIGN(const std::byte next, byte());
    if (next == std::byte{'\n'}) return text;
    if (text.size() >= kLongestPickleText)
      return fail(ErrorCode::Unsupported,
                  at({m_file.path(), {}, m_position}, "a line of more than " + formatCount(kLongestPickleText) + " bytes"));
    text += static_cast<char>(next);
  }
}

std::optional<std::string> fromRawUnicodeEscape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::uint32_t c = static_cast<unsigned char>(text[i]);
    if (c == '\\' && i + 1 < text.size() && (text[i + 1] == 'u' || text[i + 1] == 'U')) {
      const std::size_t digits = text[i + 1] == 'u' ? 4 : 8;
      if (text.size() - i - 2 < digits) return std::nullopt;
      const char* const from = text.data() + i + 2;
      if (const auto [end, error] = std::from_chars(from, from + digits, c, 16); error != std::errc() || end != from + digits)
        return std::nullopt;
      i += 1 + digits;
    }
    if (!appendUtf8(out, c)) return std::nullopt;
  }
  return out;
}

bool isUtf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t more = lead < 0x80 ? 0 : lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if ((more > 0 && lead < 0xC2) || lead > 0xF4 || text.size() - i <= more) return false;
    std::uint32_t c = more == 0 ? lead : lead & (0x3F >> more);
    for (std::size_t k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0) != 0x80) return false;
      c = c << 6 | (next & 0x3F);
    }
    std::string again;
    if (!appendUtf8(again, c) || again.size() != more + 1) return false;
    i += more + 1;
  }
  return true;
}

}  // namespace deltascope
