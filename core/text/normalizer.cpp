// SPDX-License-Identifier: Apache-2.0
#include "core/text/normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>

#include "core/text/byte_level.h"
#include "core/text/utf8.h"

namespace deltascope::text {
namespace {

using Rewrite = std::function<void(std::string_view part, std::string& out)>;

/// Rewrites character by character, and the marks with them.
void rewriteChars(std::string& text, std::string& marks, const Rewrite& rewrite) {
  std::string out, outMarks;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8At(text, at).length, before = out.size();
    rewrite(std::string_view(text).substr(at, length), out);
    if (!marks.empty()) outMarks.append(out.size() - before, marks[at]);
    at += length;
  }
  text = std::move(out);
  marks = std::move(outMarks);
}

Result<void> run(const Prepend& step, std::string& text, std::string& marks) {
  if (text.empty()) return {};
  text.insert(0, step.text);
  if (!marks.empty()) marks.insert(0, step.text.size(), '\0');
  return {};
}

Result<void> run(const Replace& step, std::string& text, std::string& marks) { return apply(step, text, marks); }

Result<void> run(const StripEnds& step, std::string& text, std::string& marks) {
  std::size_t begin = 0, end = 0;
  bool seen = false;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Step c = utf8At(text, at);
    if (!isWhitespace(c.c)) {
      if (!std::exchange(seen, true)) begin = at;
      end = at + c.length;
    }
    at += c.length;
  }
  if (!seen) begin = step.left || step.right ? text.size() : 0;
  if (!step.left) begin = seen ? 0 : begin;
  if (!step.right || !seen) end = text.size();
  text = text.substr(begin, end - begin);
  if (!marks.empty()) marks = marks.substr(begin, end - begin);
  return {};
}

Result<void> composed(UnicodeForm form, std::string_view text, std::string& out) {
  int options = UTF8PROC_STABLE;
  options |= form == UnicodeForm::Nfc || form == UnicodeForm::Nfkc ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
  if (form == UnicodeForm::Nfkc || form == UnicodeForm::Nfkd) options |= UTF8PROC_COMPAT;
  utf8proc_uint8_t* mapped = nullptr;
  const auto n = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                              static_cast<utf8proc_ssize_t>(text.size()), &mapped, static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, std::free);
  if (n < 0) return fail(ErrorCode::InvalidArgument, std::string("the text cannot be normalized: ") + utf8proc_errmsg(n));
  out.append(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(n));
  return {};
}

/// In parts that begin with ASCII: nothing before such a character combines with it. Bounds the memory, and keeps marks local.
Result<void> run(UnicodeForm form, std::string& text, std::string& marks) {
  if (isAscii(text)) return {};
  const auto ascii = [&text](std::size_t at) { return static_cast<unsigned char>(text[at]) < 0x80; };
  std::string out, outMarks;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    while (end < text.size() && !ascii(end)) ++end;
    const std::size_t before = out.size();
    const std::string_view part = std::string_view(text).substr(at, end - at);
    if (part.size() == 1)
      out += part;
    else
      DELTASCOPE_TRY(composed(form, part, out));
    if (!marks.empty()) {
      const bool marked = marks.find('\1', at) < end;
      outMarks.append(out.size() - before, marked ? '\1' : '\0');
    }
    at = end;
  }
  text = std::move(out);
  marks = std::move(outMarks);
  return {};
}

Result<void> run(Lowercase, std::string& text, std::string& marks) {
  rewriteChars(text, marks, [](std::string_view part, std::string& out) {
    const char32_t c = utf8At(part, 0).c;
    if (c == 0x130)
      out += "i\xCC\x87";  // the one character whose lower case is two
    else
      appendUtf8(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
  });
  return {};
}

Result<void> run(StripAccents, std::string& text, std::string& marks) {
  rewriteChars(text, marks, [](std::string_view part, std::string& out) {
    if (!isMark(utf8At(part, 0).c)) out += part;
  });
  return {};
}

Result<void> run(MapBytes, std::string& text, std::string& marks) {
  rewriteChars(text, marks, [](std::string_view part, std::string& out) { out += toByteLevel(part); });
  return {};
}

bool isControl(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return c != '\t' && c != '\n' && c != '\r' &&
         (category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF || category == UTF8PROC_CATEGORY_CO);
}

bool isChinese(char32_t c) {
  static constexpr std::pair<char32_t, char32_t> kBlocks[] = {{0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF},
                                                              {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF},
                                                              {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};
  return std::ranges::any_of(kBlocks, [c](const auto& block) { return c >= block.first && c <= block.second; });
}

Result<void> run(const CleanForBert& step, std::string& text, std::string& marks) {
  if (step.cleans)
    rewriteChars(text, marks, [](std::string_view part, std::string& out) {
      const char32_t c = utf8At(part, 0).c;
      if (c == 0 || c == 0xFFFD || isControl(c)) return;
      out += isWhitespace(c) ? " " : part;
    });
  if (step.spacesAroundChinese)
    rewriteChars(text, marks, [](std::string_view part, std::string& out) {
      const bool chinese = isChinese(utf8At(part, 0).c);
      if (chinese) out += ' ';
      out += part;
      if (chinese) out += ' ';
    });
  if (step.stripsAccents) {
    DELTASCOPE_TRY(run(UnicodeForm::Nfd, text, marks));
    rewriteChars(text, marks, [](std::string_view part, std::string& out) {
      const auto c = static_cast<utf8proc_int32_t>(utf8At(part, 0).c);
      if (utf8proc_category(c) != UTF8PROC_CATEGORY_MN) out += part;
    });
  }
  return step.lowercases ? run(Lowercase{}, text, marks) : Result<void>();
}

Result<void> run(CleanForNmt, std::string& text, std::string& marks) {
  rewriteChars(text, marks, [](std::string_view part, std::string& out) {
    const char32_t c = utf8At(part, 0).c;
    const bool goes = (c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
    const bool isSpace = c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
                         c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
    if (!goes) out += isSpace ? " " : part;
  });
  return {};
}

/// The table is asked for what a reader calls a character, when that is short, and else for each of its code points.
Result<void> run(const Precompiled& map, std::string& text, std::string& marks) {
  constexpr std::size_t kLongestGrapheme = 5;
  std::string out, outMarks;
  out.reserve(text.size());
  const auto write = [&](std::string_view with, std::size_t begin, std::size_t end) {
    out += with;
    if (marks.empty()) return;
    const bool marked = std::string_view(marks).substr(begin, end - begin).find('\1') != std::string_view::npos;
    outMarks.append(with.size(), marked ? '\1' : '\0');
  };
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    utf8proc_int32_t state = 0, before = -1;
    while (end < text.size()) {
      const Utf8Step step = utf8At(text, end);
      const auto c = static_cast<utf8proc_int32_t>(step.c);
      if (before >= 0 && utf8proc_grapheme_break_stateful(before, c, &state)) break;
      before = c;
      end += step.length;
    }
    const std::string_view grapheme = std::string_view(text).substr(at, end - at);
    const auto whole = grapheme.size() <= kLongestGrapheme ? map->find(grapheme) : std::nullopt;
    if (whole) {
      write(*whole, at, end);
      at = end;
    }
    while (at < end) {
      const std::size_t next = at + utf8At(text, at).length;
      const std::string_view part = std::string_view(text).substr(at, next - at);
      write(map->find(part).value_or(part), at, next);
      at = next;
    }
  }
  text = std::move(out);
  marks = std::move(outMarks);
  return {};
}

}  // namespace

Result<void> normalize(const Normalizer& normalizer, std::string& text, std::string& marks) {
  constexpr std::size_t kMost = 0x7FFFFFFF;
  for (const auto& step : normalizer.steps) {
    DELTASCOPE_TRY(std::visit([&](const auto& s) { return run(s, text, marks); }, step));
    if (text.size() > kMost) return fail(ErrorCode::InvalidArgument, "the text is longer than 2 GiB once normalized");
  }
  return {};
}

}  // namespace deltascope::text
