// SPDX-License-Identifier: Apache-2.0
#include "core/base/pcre2.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace deltascope {
namespace {

constexpr std::size_t kJitStack = 1 << 20;

PCRE2_SPTR bytesOf(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

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

tl::unexpected<Error> noMemory() { return fail(ErrorCode::OutOfMemory, "not enough memory for a regular expression"); }

}  // namespace

Result<Pcre2> Pcre2::compile(std::string_view expression, const Options& options) {
  const std::unique_ptr<pcre2_compile_context, Freer<pcre2_compile_context_free>> context(
      pcre2_compile_context_create(nullptr));
  if (!context) return noMemory();
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context.get(), options.nesting);
  const std::uint32_t flags = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | (options.anchored ? PCRE2_ANCHORED : 0) |
                              (options.lines ? PCRE2_MULTILINE : PCRE2_DOLLAR_ENDONLY);
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(bytesOf(expression), expression.size(), flags, &error, &offset, context.get());
  if (!code) return fail(ErrorCode::Corrupt, messageOf(error));
  Pcre2 compiled;
  compiled.m_code =
      std::shared_ptr<const pcre2_code>(code, [](const pcre2_code* p) { pcre2_code_free(const_cast<pcre2_code*>(p)); });
  compiled.m_machineCode = options.machineCode;
  if (options.machineCode) pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);  // where it cannot, matching is interpreted
  return compiled;
}

struct Pcre2Matcher::State {
  explicit State(Pcre2 of) : expression(std::move(of)) {}

  Pcre2 expression;
  std::unique_ptr<pcre2_match_data, Freer<pcre2_match_data_free>> match;
  std::unique_ptr<pcre2_match_context, Freer<pcre2_match_context_free>> context;
  std::unique_ptr<pcre2_jit_stack, Freer<pcre2_jit_stack_free>> stack;
};

Pcre2Matcher::Pcre2Matcher(Pcre2 expression, const Limits& limits) : m_state(std::make_unique<State>(std::move(expression))) {
  State& s = *m_state;
  s.match.reset(pcre2_match_data_create(1, nullptr));
  s.context.reset(pcre2_match_context_create(nullptr));
  if (!s.context) return;
  pcre2_set_match_limit(s.context.get(), limits.steps);
  if (limits.heapKib) pcre2_set_heap_limit(s.context.get(), limits.heapKib);
  if (!s.expression.m_machineCode) return;
  s.stack.reset(pcre2_jit_stack_create(32 << 10, kJitStack, nullptr));
  pcre2_jit_stack_assign(s.context.get(), nullptr, s.stack.get());
}

Pcre2Matcher::~Pcre2Matcher() = default;

Result<std::optional<Pcre2Matcher::Match>> Pcre2Matcher::find(std::string_view text, std::size_t from, Text known) {
  State& s = *m_state;
  if (!s.match || !s.context) return noMemory();
  const auto run = [&](std::uint32_t options) {
    if (known == Text::IsUtf8) options |= PCRE2_NO_UTF_CHECK;
    return pcre2_match(s.expression.m_code.get(), bytesOf(text), text.size(), from, options, s.match.get(), s.context.get());
  };
  int status = run(0);
  if (status == PCRE2_ERROR_JIT_STACKLIMIT) status = run(PCRE2_NO_JIT);
  if (status == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (status < 0) return fail(ErrorCode::Unsupported, messageOf(status));
  const auto* range = pcre2_get_ovector_pointer(s.match.get());
  return Match{range[0], range[1]};
}

}  // namespace deltascope
