// SPDX-License-Identifier: Apache-2.0
#include "core/text/jinja/text_operations.h"

#include <algorithm>
#include <cstring>

#include "core/text/jinja/characters.h"

namespace deltascope::jinja {
namespace {

constexpr auto kNone = std::string_view::npos;

bool endsLine(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool isCased(char32_t c) { return isUpper(c) || isLower(c) || isTitle(c); }

/// The words between white space, as bounds; at most `most` splits, from the left.
std::vector<Bounds> words(std::string_view text, std::int64_t most) {
  std::vector<Bounds> found;
  std::size_t begin = stripped(text, true, false).begin;
  while (begin < text.size()) {
    if (most >= 0 && static_cast<std::int64_t>(found.size()) == most) {
      found.push_back({begin, text.size()});
      break;
    }
    std::size_t end = begin;
    while (end < text.size()) {
      const auto step = text::utf8At(text, end);
      if (isSpace(step.c)) break;
      end += step.length;
    }
    found.push_back({begin, end});
    begin = end + stripped(text.substr(end), true, false).begin;
  }
  return found;
}

Value listOfParts(const OriginText& text, const std::vector<Bounds>& parts, Budget& budget) {
  std::vector<Value> items;
  if (!budget.fits(parts.size() * (sizeof(Value) + sizeof(String)))) return None{};
  items.reserve(parts.size());
  for (const auto& part : parts) items.push_back(makeText(budget, text.slice(part.begin, part.end)));
  return makeList(budget, std::move(items));
}

}  // namespace

std::size_t findText(std::string_view text, std::string_view needle, std::size_t from) {
  if (from > text.size()) return kNone;
  if (needle.empty()) return from;
  // One character is most of what templates look for; of more, memmem bounds the time that hostile ones take.
  if (needle.size() == 1) return text.find(needle.front(), from);
  const void* found = ::memmem(text.data() + from, text.size() - from, needle.data(), needle.size());
  return found ? static_cast<std::size_t>(static_cast<const char*>(found) - text.data()) : kNone;
}

std::size_t findLastText(std::string_view text, std::string_view needle) {
  if (needle.empty()) return text.size();
  const std::string backText(text.rbegin(), text.rend()), backNeedle(needle.rbegin(), needle.rend());
  const std::size_t at = findText(backText, backNeedle, 0);
  return at == kNone ? kNone : text.size() - at - needle.size();
}

OriginText strip(const OriginText& text, bool left, bool right, const OriginText* chars, Budget& budget) {
  budget.spend(text.size() / 64 + (chars ? chars->size() : 0));
  if (!chars) {
    const Bounds kept = stripped(text.bytes(), left, right);
    return text.slice(kept.begin, kept.end);
  }
  budget.spend((text.size() / 16 + 1) * (chars->size() / 16));
  if (budget.exceeded()) return {};
  const Bounds kept = stripped(text.bytes(), left, right, chars->bytes());
  return text.slice(kept.begin, kept.end);
}

Value replaceText(const OriginText& text, const OriginText& needle, const OriginText& with, std::int64_t most, Budget& budget) {
  TextBuilder out(budget);
  const std::string_view bytes = text.bytes();
  budget.spend(bytes.size() / 64);
  std::size_t done = 0;
  for (std::int64_t n = 0; (most < 0 || n < most) && !out.full(); ++n) {
    // An empty needle stands before each character and at the end.
    std::size_t from = done;
    if (needle.empty() && n > 0) {
      if (done >= bytes.size()) break;
      from = done + text::utf8At(bytes, done).length;
    }
    const std::size_t at = findText(bytes, needle.bytes(), from);
    if (at == kNone) break;
    budget.spend(1);
    out.add(text, done, at);
    out.add(with);
    done = at + needle.size();
  }
  out.add(text, done, text.size());
  return out.finish();
}

Value splitText(const OriginText& text, const OriginText* separator, std::int64_t most, Budget& budget) {
  budget.spend(text.size() / 16);
  if (budget.exceeded()) return None{};
  if (!separator) return listOfParts(text, words(text.bytes(), most), budget);
  std::vector<Bounds> parts;
  std::size_t begin = 0;
  while (most < 0 || static_cast<std::int64_t>(parts.size()) < most) {
    const std::size_t at = findText(text.bytes(), separator->bytes(), begin);
    if (at == kNone) break;
    parts.push_back({begin, at});
    begin = at + separator->size();
  }
  parts.push_back({begin, text.size()});
  return listOfParts(text, parts, budget);
}

Value splitTextFromRight(const OriginText& text, const OriginText* separator, std::int64_t most, Budget& budget) {
  if (most < 0) return splitText(text, separator, -1, budget);
  budget.spend(text.size() / 16);
  if (budget.exceeded()) return None{};
  const std::string_view bytes = text.bytes();
  std::vector<Bounds> parts;
  if (separator) {
    const std::string back(bytes.rbegin(), bytes.rend());
    const std::string backSeparator(separator->bytes().rbegin(), separator->bytes().rend());
    std::size_t from = 0;
    while (static_cast<std::int64_t>(parts.size()) < most) {
      const std::size_t at = findText(back, backSeparator, from);
      if (at == kNone) break;
      parts.push_back({bytes.size() - at, bytes.size() - from});
      from = at + separator->size();
    }
    parts.push_back({0, bytes.size() - from});
    std::reverse(parts.begin(), parts.end());
  } else {
    parts = words(bytes, -1);
    const auto extra = static_cast<std::int64_t>(parts.size()) - 1 - most;
    if (extra > 0) {  // the first words stay together, with what is before and between them
      parts.erase(parts.begin(), parts.begin() + extra);
      parts[0].begin = 0;
    }
  }
  return listOfParts(text, parts, budget);
}

std::vector<OriginText> splitLines(const OriginText& text, bool keepEnds, Budget& budget) {
  std::vector<OriginText> lines;
  std::size_t begin = 0;
  const auto& bytes = text.bytes();
  budget.spend(bytes.size() / 16);
  if (budget.exceeded()) return lines;
  for (std::size_t at = 0; at < bytes.size() && budget.spend(0);) {
    const auto step = text::utf8At(bytes, at);
    std::size_t next = at + step.length;
    if (endsLine(step.c)) {
      if (step.c == '\r' && next < bytes.size() && bytes[next] == '\n') ++next;
      budget.spend(1);
      lines.push_back(text.slice(begin, keepEnds ? next : at));
      begin = next;
    }
    at = next;
  }
  if (begin < bytes.size()) lines.push_back(text.slice(begin, bytes.size()));
  return lines;
}

Value changeCase(const OriginText& text, Case to, Budget& budget) {
  TextBuilder out(budget);
  budget.spend(text.size() / 2);
  bool first = true, inWord = false;
  forEachCharacter(text.bytes(), [&](std::size_t begin, std::size_t, char32_t c) {
    if (out.full()) return;
    std::string changed;
    switch (to) {
      case Case::Upper:
        changed = toUpper(c);
        break;
      case Case::Lower:
        changed = toLower(c);
        break;
      case Case::Capitalize:
        changed = first ? toTitle(c) : toLower(c);
        break;
      case Case::Title:
        changed = inWord ? toLower(c) : toTitle(c);
        break;
      case Case::Swap:
        changed = isUpper(c) ? toLower(c) : isLower(c) ? toUpper(c) : toLower(c);
        break;
    }
    first = false;
    inWord = isCased(c);
    out.add(changed, text.originAt(begin));
  });
  return out.finish();
}

Value titleWords(const OriginText& text, Budget& budget) {
  TextBuilder out(budget);
  budget.spend(text.size() / 2);
  bool starts = true;
  forEachCharacter(text.bytes(), [&](std::size_t begin, std::size_t, char32_t c) {
    if (out.full()) return;
    const bool separates = isSpace(c) || (c < 0x80 && std::strchr("-([{<", static_cast<int>(c)) && c != 0);
    out.add(separates ? std::string(text.bytes(), begin, text::utf8At(text.bytes(), begin).length)
            : starts  ? toUpper(c)
                      : toLower(c),
            text.originAt(begin));
    starts = separates;
  });
  return out.finish();
}

}  // namespace deltascope::jinja
