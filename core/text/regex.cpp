// SPDX-License-Identifier: Apache-2.0
#include "core/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "core/text/utf8.h"

namespace deltascope::text {
namespace {

constexpr std::size_t kLongestPattern = 64 << 10;
constexpr std::uint32_t kMatchLimit = 20'000'000;  // a run of a million spaces before a letter takes a few million
constexpr std::uint32_t kHeapLimitKib = 64 << 10;
constexpr std::size_t kJitStack = 1 << 20;

std::string messageOf(int code) {
  PCRE2_UCHAR text[160];
  return pcre2_get_error_message(code, text, sizeof text) < 0 ? "error " + std::to_string(code)
                                                              : reinterpret_cast<const char*>(text);
}

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};

}  // namespace

Result<Regex> Regex::compile(std::string_view pattern) {
  if (pattern.size() > kLongestPattern) return fail(ErrorCode::Unsupported, "the regular expression is longer than 64 KiB");
  DELTASCOPE_ASSIGN(const std::string translated, toPcre2(pattern));
  int code = 0;
  PCRE2_SIZE offset = 0;
  const std::unique_ptr<pcre2_compile_context, Freer<pcre2_compile_context_free>> context(
      pcre2_compile_context_create(nullptr));
  if (!context) return fail(ErrorCode::OutOfMemory, "not enough memory for a regular expression");
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context.get(), 100);
  // Oniguruma's ^ and $ are those of lines.
  constexpr std::uint32_t kOptions = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
  pcre2_code* compiled = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(), kOptions, &code,
                                       &offset, context.get());
  if (!compiled) return fail(ErrorCode::Corrupt, "the regular expression is malformed: " + messageOf(code));
  Regex regex;
  regex.m_code =
      std::shared_ptr<const pcre2_code>(compiled, [](const pcre2_code* p) { pcre2_code_free(const_cast<pcre2_code*>(p)); });
  pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);  // where it cannot, matching is interpreted
  return regex;
}

struct Regex::Scan::State {
  const pcre2_code* code = nullptr;
  std::string_view text;
  std::size_t from = 0;
  std::size_t previousEnd = std::string_view::npos;
  std::unique_ptr<pcre2_match_data, Freer<pcre2_match_data_free>> match;
  std::unique_ptr<pcre2_match_context, Freer<pcre2_match_context_free>> context;
  std::unique_ptr<pcre2_jit_stack, Freer<pcre2_jit_stack_free>> stack;
};

Regex::Scan::Scan(const Regex& regex, std::string_view subject) : m_state(std::make_unique<State>()) {
  State& s = *m_state;
  s.code = regex.m_code.get();
  s.text = subject;
  s.match.reset(pcre2_match_data_create(1, nullptr));
  s.context.reset(pcre2_match_context_create(nullptr));
  if (!s.context) return;
  pcre2_set_match_limit(s.context.get(), kMatchLimit);
  pcre2_set_heap_limit(s.context.get(), kHeapLimitKib);
  s.stack.reset(pcre2_jit_stack_create(32 << 10, kJitStack, nullptr));
  pcre2_jit_stack_assign(s.context.get(), nullptr, s.stack.get());
}

Regex::Scan::~Scan() = default;

Result<bool> Regex::Scan::next() {
  State& s = *m_state;
  if (!s.match || !s.context) return fail(ErrorCode::OutOfMemory, "not enough memory for a regular expression");
  while (s.from <= s.text.size()) {
    const auto run = [&s](std::uint32_t options) {
      return pcre2_match(s.code, reinterpret_cast<PCRE2_SPTR>(s.text.data()), s.text.size(), s.from,
                         options | PCRE2_NO_UTF_CHECK, s.match.get(), s.context.get());
    };
    int status = run(0);
    if (status == PCRE2_ERROR_JIT_STACKLIMIT) status = run(PCRE2_NO_JIT);
    if (status == PCRE2_ERROR_NOMATCH) return false;
    if (status < 0)
      return fail(ErrorCode::Unsupported, "a regular expression takes too much work on this text: " + messageOf(status));
    const auto* range = pcre2_get_ovector_pointer(s.match.get());
    begin = range[0];
    end = range[1];
    s.from = end;
    if (begin < end) {
      s.previousEnd = end;
      return true;
    }
    s.from += end < s.text.size() ? utf8At(s.text, end).length : 1;
    if (std::exchange(s.previousEnd, end) != end) return true;
  }
  return false;
}

}  // namespace deltascope::text
