// SPDX-License-Identifier: Apache-2.0
#include "core/text/normalizer.h"

#include <utf8proc.h>

#include <cstdlib>
#include <functional>
#include <memory>

#include "core/text/byte_level.h"
#include "core/text/utf8.h"

namespace deltascope::text {
namespace {

constexpr std::size_t kLongestPrepend = 4096;

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

Result<NormalizerStep> readStep(const Stage& stage) {
  DELTASCOPE_ASSIGN(const std::string type, stage.type());
  if (type == "NFC") return UnicodeForm::Nfc;
  if (type == "NFD") return UnicodeForm::Nfd;
  if (type == "NFKC") return UnicodeForm::Nfkc;
  if (type == "NFKD") return UnicodeForm::Nfkd;
  if (type == "Lowercase") return Lowercase{};
  if (type == "StripAccents") return StripAccents{};
  if (type == "ByteLevel") return MapBytes{};
  if (type == "Prepend") {
    DELTASCOPE_ASSIGN(std::string text, stage.string("prepend"));
    if (text.size() > kLongestPrepend) return stage.unsupported("\"prepend\" is longer than 4096 bytes");
    return Prepend{std::move(text)};
  }
  if (type == "Replace") {
    DELTASCOPE_ASSIGN(Replace replace, readReplace(stage));
    return NormalizerStep(std::move(replace));
  }
  if (type == "Strip") {
    DELTASCOPE_ASSIGN(const bool left, stage.flag("strip_left"));
    DELTASCOPE_ASSIGN(const bool right, stage.flag("strip_right"));
    return StripEnds{left, right};
  }
  return stage.unsupported("the normalizer \"" + printable(type) + "\" is not supported");
}

}  // namespace

Result<Normalizer> readNormalizer(const Stage& stage) {
  DELTASCOPE_ASSIGN(const auto parts, flatten(stage, "normalizers"));
  Normalizer normalizer;
  for (const Stage& part : parts) {
    DELTASCOPE_ASSIGN(NormalizerStep step, readStep(part));
    normalizer.steps.push_back(std::move(step));
  }
  return normalizer;
}

Result<void> normalize(const Normalizer& normalizer, std::string& text, std::string& marks) {
  constexpr std::size_t kMost = 0x7FFFFFFF;
  for (const auto& step : normalizer.steps) {
    DELTASCOPE_TRY(std::visit([&](const auto& s) { return run(s, text, marks); }, step));
    if (text.size() > kMost) return fail(ErrorCode::InvalidArgument, "the text is longer than 2 GiB once normalized");
  }
  return {};
}

}  // namespace deltascope::text
