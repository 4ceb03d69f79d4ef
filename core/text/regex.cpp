// SPDX-License-Identifier: Apache-2.0
#include "core/text/regex.h"

#include "core/text/utf8.h"

namespace deltascope::text {
namespace {

constexpr std::size_t kLongestPattern = 64 << 10;
/// Steps: a run of a million spaces before a letter takes a few million.
constexpr Pcre2Matcher::Limits kLimits{.steps = 20'000'000, .heapKib = 64 << 10};

}  // namespace

Result<Regex> Regex::compile(std::string_view pattern) {
  if (pattern.size() > kLongestPattern) return fail(ErrorCode::Unsupported, "the regular expression is longer than 64 KiB");
  DELTASCOPE_ASSIGN(const std::string translated, toPcre2(pattern));
  auto code = Pcre2::compile(translated, {.lines = true, .machineCode = true});  // Oniguruma's ^ and $ are those of lines
  if (code) return Regex(*std::move(code));
  Error error = std::move(code).error();
  if (error.code == ErrorCode::Corrupt) error.message = "the regular expression is malformed: " + error.message;
  return tl::make_unexpected(std::move(error));
}

Regex::Scan::Scan(const Regex& regex, std::string_view subject) : m_matcher(regex.m_code, kLimits), m_text(subject) {}

Result<bool> Regex::Scan::next() {
  while (m_from <= m_text.size()) {
    auto match = m_matcher.find(m_text, m_from, Pcre2Matcher::Text::IsUtf8);
    if (!match) {
      Error error = std::move(match).error();
      if (error.code == ErrorCode::Unsupported)
        error.message = "a regular expression takes too much work on this text: " + error.message;
      return tl::make_unexpected(std::move(error));
    }
    if (!*match) return false;
    begin = (*match)->begin;
    end = m_from = (*match)->end;
    if (begin < end) {
      m_previousEnd = end;
      return true;
    }
    m_from += end < m_text.size() ? utf8At(m_text, end).length : 1;
    if (std::exchange(m_previousEnd, end) != end) return true;
  }
  return false;
}

}  // namespace deltascope::text
