// SPDX-License-Identifier: Apache-2.0
#include "core/base/result.h"

namespace deltascope {

std::string printable(std::string_view text, std::size_t longest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string shown;
  for (const char c : text) {
    // not inside a UTF-8 sequence, unless it is none
    if (shown.size() >= longest && ((static_cast<unsigned char>(c) & 0xC0) != 0x80 || shown.size() >= longest + 3))
      return shown + "…";
    if (const auto byte = static_cast<unsigned char>(c); byte < 0x20 || byte == 0x7F)
      shown.append({'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]});
    else
      shown += c;
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
