// SPDX-License-Identifier: Apache-2.0
#include "core/text/byte_level.h"

#include <array>

#include "core/text/utf8.h"

namespace deltascope::text {
namespace {

constexpr char32_t kTableEnd = 0x144;

struct Table {
  std::array<std::string, 256> chars;
  std::array<int, kTableEnd> bytes;
  Table() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      const char32_t c = printable ? byte : next++;
      appendUtf8(chars[byte], c);
      bytes[c] = static_cast<int>(byte);
    }
  }
};

const Table& table() {
  static const Table kTable;
  return kTable;
}

}  // namespace

std::string_view byteLevelChar(unsigned char byte) { return table().chars[byte]; }

std::string toByteLevel(std::string_view bytes) {
  std::string token;
  token.reserve(bytes.size() * 2);
  for (const char byte : bytes) token += byteLevelChar(static_cast<unsigned char>(byte));
  return token;
}

std::optional<std::string> fromByteLevel(std::string_view token) {
  std::string bytes;
  for (std::size_t at = 0; at < token.size();) {
    const Utf8Step step = utf8At(token, at);
    if (step.kind != Utf8Kind::Valid || step.c >= kTableEnd || table().bytes[step.c] < 0) return std::nullopt;
    bytes += static_cast<char>(table().bytes[step.c]);
    at += step.length;
  }
  return bytes;
}

std::string byteToken(unsigned char byte) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  return std::string("<0x") + kDigits[byte >> 4] + kDigits[byte & 15] + '>';
}

}  // namespace deltascope::text
