// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Regular expressions over UTF-8, by PCRE2: the one place that knows that library. Expressions and texts are untrusted; the
/// work of a match is bounded. What an expression means to those who wrote it, and the error that names it, are the caller's.
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "core/base/result.h"

struct pcre2_real_code_8;

namespace deltascope {

/// Compiled once; immutable and shared by copies and threads. \C is refused, a line ends at LF.
class Pcre2 {
 public:
  struct Options {
    bool lines = false;           ///< ^ and $ are those of lines; else $ is the very end of the text
    bool anchored = false;        ///< a match begins where the search does
    bool machineCode = false;     ///< compiled to the processor's own where that is possible: pays for many matches
    std::uint32_t nesting = 100;  ///< of brackets, at most
  };
  /// Corrupt where the expression is none: the message is PCRE2's. OutOfMemory.
  [[nodiscard]] static Result<Pcre2> compile(std::string_view expression, const Options& options);

 private:
  friend class Pcre2Matcher;
  Pcre2() = default;
  std::shared_ptr<const pcre2_real_code_8> m_code;
  bool m_machineCode = false;
};

/// The memory that matching takes. One thread at a time.
class Pcre2Matcher {
 public:
  struct Limits {
    std::uint32_t steps = 0;
    std::uint32_t heapKib = 0;  ///< 0: PCRE2's own
  };
  struct Match {
    std::size_t begin = 0, end = 0;  ///< bytes
  };
  enum class Text : std::uint8_t { IsUtf8, IsChecked };  ///< known to be UTF-8, or checked first

  Pcre2Matcher(Pcre2 expression, const Limits& limits);
  ~Pcre2Matcher();
  Pcre2Matcher(const Pcre2Matcher&) = delete;
  Pcre2Matcher& operator=(const Pcre2Matcher&) = delete;

  /// The first match that begins at or after `from`, which is a character's first byte. Unsupported where it takes more than
  /// the limits, or the text is not UTF-8: the message is PCRE2's.
  [[nodiscard]] Result<std::optional<Match>> find(std::string_view text, std::size_t from, Text known);

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

}  // namespace deltascope
