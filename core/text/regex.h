// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The regular expressions of tokenizer.json. They are written for Oniguruma (Ruby syntax) and run here in PCRE2, so they are
/// translated: \s, \w and their opposites are spelled out, and what the two engines read differently is refused.
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/pcre2.h"

namespace deltascope::text {

/// Oniguruma's spelling in PCRE2's. An Error's message says what is not supported; it names no file.
[[nodiscard]] Result<std::string> toPcre2(std::string_view pattern);

/// Compiled once; immutable and shared by copies and threads.
class Regex {
 public:
  [[nodiscard]] static Result<Regex> compile(std::string_view pattern);

  /// Calls `found(begin, end)` for each match from left to right, without overlaps; an empty match directly after another is
  /// passed over. `text` is valid UTF-8. The work of one match is bounded; a pattern that exceeds it is Unsupported.
  template <class Found>
  [[nodiscard]] Result<void> forEach(std::string_view text, Found&& found) const {
    Scan scan(*this, text);
    while (true) {
      DELTASCOPE_ASSIGN(const bool more, scan.next());
      if (!more) return {};
      found(scan.begin, scan.end);
    }
  }

 private:
  class Scan {
   public:
    Scan(const Regex& regex, std::string_view subject);
    Result<bool> next();
    std::size_t begin = 0, end = 0;

   private:
    Pcre2Matcher m_matcher;
    std::string_view m_text;
    std::size_t m_from = 0, m_previousEnd = std::string_view::npos;
  };
  explicit Regex(Pcre2 code) : m_code(std::move(code)) {}
  Pcre2 m_code;
};

}  // namespace deltascope::text
