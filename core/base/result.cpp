// SPDX-License-Identifier: Apache-2.0
#include "core/base/result.h"

#include <algorithm>

namespace deltascope {

namespace {

/// Bytes at the start of `text` that a terminal would take as orders: control characters (U+0000 … U+001F, U+007F … U+009F),
/// and marks that turn the direction of what follows (U+061C, U+200E, U+200F, U+202A … U+202E, U+2066 … U+2069).
std::size_t ordersAt(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  if (byte(0) < 0x20 || byte(0) == 0x7F) return 1;
  if (byte(0) == 0xC2 && byte(1) >= 0x80 && byte(1) < 0xA0) return 2;
  if (byte(0) == 0xD8 && byte(1) == 0x9C) return 2;
  if (byte(0) != 0xE2) return 0;
  const bool marks = byte(1) == 0x80 && (byte(2) == 0x8E || byte(2) == 0x8F || (byte(2) >= 0xAA && byte(2) <= 0xAE));
  const bool isolates = byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9;
  return marks || isolates ? 3 : 0;
}

}  // namespace

std::string printable(std::string_view text, std::size_t longest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string shown;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    // not inside a UTF-8 sequence, unless it is none
    if (shown.size() >= longest && ((static_cast<unsigned char>(c) & 0xC0) != 0x80 || shown.size() >= longest + 3))
      return shown + "…";
    const std::size_t orders = ordersAt(text.substr(i));
    for (std::size_t k = 0; k < orders; ++k) {
      const auto byte = static_cast<unsigned char>(text[i + k]);
      shown.append({'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]});
    }
    if (orders == 0) shown += c;
    i += std::max<std::size_t>(orders, 1);
  }
  return shown;
}

std::string at(const Location& where, std::string_view what) {
  std::string text = printable(where.file.string(), 4096);
  if (!where.tensor.empty()) text += (text.empty() ? "tensor " : ", tensor ") + printable(where.tensor);
  if (where.offset) text += (text.empty() ? "offset " : ", offset ") + std::to_string(*where.offset);
  if (!text.empty()) text += ": ";
  return text.append(what);
}

std::string describe(const Error& error) { return error.hint.empty() ? error.message : error.message + ". " + error.hint; }

}  // namespace deltascope
