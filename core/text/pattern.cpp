// SPDX-License-Identifier: Apache-2.0
#include "core/text/pattern.h"

#include <algorithm>

#include "core/text/utf8.h"

namespace deltascope::text {
namespace {

constexpr std::size_t kLongestContent = 4096;

class Collector {
 public:
  explicit Collector(std::vector<Span>& spans) : m_spans(spans) {}
  void operator()(std::size_t begin, std::size_t end) {
    const auto first = static_cast<std::uint32_t>(begin);
    if (m_last < first) m_spans.push_back({m_last, first, false});
    m_last = static_cast<std::uint32_t>(end);
    m_spans.push_back({first, m_last, true});
  }
  void finish(std::size_t size) {
    if (m_last < size) m_spans.push_back({m_last, static_cast<std::uint32_t>(size), false});
  }

 private:
  std::vector<Span>& m_spans;
  std::uint32_t m_last = 0;
};

void findString(const std::string& needle, std::string_view text, Collector& found) {
  if (needle.empty()) return;
  for (std::size_t at = 0; (at = text.find(needle, at)) != std::string_view::npos; at += needle.size())
    found(at, at + needle.size());
}

void findChars(CharTest test, std::string_view text, Collector& found) {
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Step step = utf8At(text, at);
    if (test(step.c)) found(at, at + step.length);
    at += step.length;
  }
}

}  // namespace

Result<Pattern> readPattern(const Stage& stage) {
  DELTASCOPE_ASSIGN(const Stage pattern, stage.object("pattern"));
  if (pattern.has("String")) {
    DELTASCOPE_ASSIGN(std::string literal, pattern.string("String"));
    return Pattern(std::move(literal));
  }
  DELTASCOPE_ASSIGN(const std::string source, pattern.string("Regex"));
  auto regex = Regex::compile(source);
  if (!regex) return pattern.refuse(regex.error().message, regex.error().code);
  return Pattern(*std::move(regex));
}

Result<void> findSpans(const Pattern& pattern, std::string_view text, std::vector<Span>& spans) {
  spans.clear();
  Collector found(spans);
  if (const auto* literal = std::get_if<std::string>(&pattern))
    findString(*literal, text, found);
  else if (const auto* regex = std::get_if<Regex>(&pattern))
    DELTASCOPE_TRY(regex->forEach(text, found));
  else
    findChars(std::get<CharTest>(pattern), text, found);
  found.finish(text.size());
  return {};
}

Result<Replace> readReplace(const Stage& stage) {
  DELTASCOPE_ASSIGN(Pattern pattern, readPattern(stage));
  DELTASCOPE_ASSIGN(std::string content, stage.string("content"));
  if (content.size() > kLongestContent) return stage.unsupported("\"content\" is longer than 4096 bytes");
  return Replace{std::move(pattern), std::move(content)};
}

Result<void> apply(const Replace& step, std::string& text, std::string& marks) {
  std::vector<Span> spans;
  DELTASCOPE_TRY(findSpans(step.pattern, text, spans));
  if (std::none_of(spans.begin(), spans.end(), [](const Span& span) { return span.isMatch; })) return {};
  std::string result, resultMarks;
  result.reserve(text.size());
  for (const Span& span : spans) {
    if (!span.isMatch)
      result.append(text, span.begin, span.size());
    else
      result += step.content;
    if (marks.empty()) continue;
    const std::string_view old = std::string_view(marks).substr(span.begin, span.size());
    if (!span.isMatch)
      resultMarks += old;
    else
      resultMarks.append(step.content.size(), old.find('\1') != std::string_view::npos ? '\1' : '\0');
  }
  text = std::move(result);
  marks = std::move(resultMarks);
  return {};
}

}  // namespace deltascope::text
