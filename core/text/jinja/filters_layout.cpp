// SPDX-License-Identifier: Apache-2.0
// The filters that lay text out: center, truncate, wordwrap, pprint.
#include <algorithm>

#include "core/text/jinja/builtins.h"
#include "core/text/jinja/characters.h"
#include "core/text/jinja/show.h"
#include "core/text/jinja/text_operations.h"
#include "core/text/regex.h"

namespace deltascope::jinja {
namespace {

constexpr std::int64_t kMostWidth = 100'000;
constexpr std::size_t kPrintWidth = 80;

Result<OriginText> selfText(const Call& call) {
  if (is<Undefined>(call.self)) return undefinedError(call.self);
  if (const auto* text = textOf(call.self)) return *text;
  return call.refuse("is for a str, not for a value of type " + std::string(typeName(call.self)));
}

OriginText firstCharacters(const OriginText& text, std::int64_t count) {
  return text.slice(0, offsetOfCharacter(text.bytes(), static_cast<std::size_t>(std::max<std::int64_t>(count, 0))));
}

Result<Value> center(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"width"}));
  DELTASCOPE_ASSIGN(const auto width, given.integer(0, 80));
  const Value text = toText(call.self, call.budget);
  const Arguments args{{width}, {}};
  Call method{call.runtime, call.budget, "center", text, args};
  return findMethod(text, "center")(method);
}

Result<Value> truncate(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"length", "killwords", "end", "leeway"}));
  DELTASCOPE_ASSIGN(const auto length, given.integer(0, 255));
  DELTASCOPE_ASSIGN(const OriginText end, given.text(2, "..."));
  const bool hasLeeway = given.get(3) && !is<None>(*given.get(3));
  std::int64_t leeway = 5;
  if (hasLeeway) {
    DELTASCOPE_ASSIGN(leeway, given.integer(3, 5));
  }
  const auto endLength = static_cast<std::int64_t>(countCharacters(end.bytes()));
  if (length < endLength) return call.refuse("expected a length of at least that of end");
  if (leeway < 0) return call.refuse("expected a leeway of at least 0");
  if (is<Undefined>(call.self)) return call.self;
  DELTASCOPE_ASSIGN(const OriginText text, selfText(call));
  call.budget.spend(text.size() / 16);
  const auto n = static_cast<std::int64_t>(countCharacters(text.bytes()));
  if (n <= length + std::min(leeway, kMostWidth * 1'000'000)) return call.self;
  OriginText kept = firstCharacters(text, length - endLength);
  if (!given.flag(1)) {
    const std::size_t space = kept.bytes().rfind(' ');
    if (space != std::string::npos) kept = kept.slice(0, space);
  }
  TextBuilder out(call.budget);
  out.add(kept);
  out.add(end);
  return out.finish();
}

/// textwrap.wrap of Python for one line, which keeps its tabs and other white space.
class Wrapper {
 public:
  struct Options {
    std::int64_t width = 79;
    bool breaksLongWords = true, breaksOnHyphens = true;
  };
  Wrapper(const OriginText& line, const Options& options, Budget& budget)
      : m_line(line), m_options(options), m_budget(budget) {}

  Result<std::vector<OriginText>> run() {
    DELTASCOPE_TRY(split());
    std::vector<OriginText> lines;
    std::size_t at = 0;
    while (at < m_chunks.size() && m_budget.spend(1)) {
      if (!lines.empty() && isBlank(m_chunks[at])) ++at;
      std::vector<OriginText> line;
      std::int64_t length = 0;
      const auto sizeOf = [](const OriginText& chunk) { return static_cast<std::int64_t>(countCharacters(chunk.bytes())); };
      while (at < m_chunks.size() && length + sizeOf(m_chunks[at]) <= m_options.width) {
        length += sizeOf(m_chunks[at]);
        line.push_back(m_chunks[at++]);
      }
      if (at < m_chunks.size() && sizeOf(m_chunks[at]) > m_options.width) breakWord(at, line, length);
      if (!line.empty() && isBlank(line.back())) line.pop_back();
      if (line.empty()) continue;
      OriginText whole;
      for (const auto& chunk : line) whole.append(chunk);
      m_budget.take(whole.size());
      lines.push_back(std::move(whole));
    }
    return lines;
  }

 private:
  static bool isBlank(const OriginText& chunk) {
    const Bounds left = stripped(chunk.bytes(), true, true);
    return left.begin == left.end;
  }

  /// The chunks that a line may end after: words, parts of hyphenated words, white space.
  Result<void> split() {
    static const auto kHyphens =
        text::Regex::compile(R"([\t\n\x0b\f\r ]+|(?<=[\w!"'&.,?])-{2,}(?=\w)|[^\t\n\x0b\f\r ]+?(?:)"
                             R"(-(?:(?<=(?!\d)\w(?!\d)\w-)|(?<=(?!\d)\w-(?!\d)\w-))(?=(?!\d)\w-?(?!\d)\w)|)"
                             R"((?=[\t\n\x0b\f\r ]|\z)|(?<=[\w!"'&.,?])(?=-{2,}\w)))");
    static const auto kSpaces = text::Regex::compile(R"([\t\n\x0b\f\r ]+)");
    const auto& regex = m_options.breaksOnHyphens ? kHyphens : kSpaces;
    if (!regex) return fail(ErrorCode::Internal, regex.error().message);
    std::size_t last = 0;
    const auto add = [this](std::size_t begin, std::size_t end) {
      if (begin < end) m_chunks.push_back(m_line.slice(begin, end));
    };
    m_budget.take(m_line.size() * 2);
    DELTASCOPE_TRY(regex->forEach(m_line.bytes(), [&](std::size_t begin, std::size_t end) {
      add(last, begin);
      add(begin, end);
      last = end;
    }));
    add(last, m_line.size());
    m_budget.spend(m_chunks.size());
    return {};
  }

  /// A word that no line has room for.
  void breakWord(std::size_t& at, std::vector<OriginText>& line, std::int64_t length) {
    if (!m_options.breaksLongWords) {
      if (line.empty()) line.push_back(m_chunks[at++]);
      return;
    }
    const auto room = static_cast<std::size_t>(m_options.width < 1 ? 1 : m_options.width - length);
    OriginText& chunk = m_chunks[at];
    std::size_t end = offsetOfCharacter(chunk.bytes(), room);
    if (m_options.breaksOnHyphens && countCharacters(chunk.bytes()) > room) {
      const std::size_t hyphen = std::string_view(chunk.bytes()).substr(0, end).rfind('-');
      const bool useful = hyphen != std::string_view::npos && hyphen > 0 &&
                          std::string_view(chunk.bytes()).substr(0, hyphen).find_first_not_of('-') != std::string_view::npos;
      if (useful) end = hyphen + 1;
    }
    line.push_back(chunk.slice(0, end));
    chunk = chunk.slice(end, chunk.size());
    m_budget.spend(1 + chunk.size() / 16);
  }

  const OriginText& m_line;
  Options m_options;
  Budget& m_budget;
  std::vector<OriginText> m_chunks;
};

Result<Value> wordwrap(Call& call) {
  DELTASCOPE_ASSIGN(const auto given, Parameters::of(call, {"width", "break_long_words", "wrapstring", "break_on_hyphens"}));
  Wrapper::Options options;
  DELTASCOPE_ASSIGN(options.width, given.integer(0, 79));
  options.breaksLongWords = given.flag(1, true);
  options.breaksOnHyphens = given.flag(3, true);
  OriginText between("\n", Origin::Template);
  if (given.get(2) && !is<None>(*given.get(2))) {
    DELTASCOPE_ASSIGN(between, given.text(2, "\n"));
  }
  DELTASCOPE_ASSIGN(const OriginText text, selfText(call));
  if (options.width <= 0) return call.refuse("the width must be above 0");
  TextBuilder out(call.budget);
  bool first = true;
  for (const OriginText& line : splitLines(text, false, call.budget)) {
    DELTASCOPE_ASSIGN(const auto wrapped, Wrapper(line, options, call.budget).run());
    // An empty line stays one.
    if (wrapped.empty() && !std::exchange(first, false)) out.add(between);
    for (const auto& part : wrapped) {
      if (!std::exchange(first, false)) out.add(between);
      out.add(part);
    }
    if (out.full()) break;
  }
  return out.finish();
}

/// pprint.pformat of Python: dicts by their keys, one line where it fits and one a member where it does not.
class PrettyPrinter {
 public:
  PrettyPrinter(const Call& call, TextBuilder& out) : m_call(call), m_out(out) {}

  Result<void> print(const Value& value, std::size_t indent, std::size_t allowance) {
    const Depth depth(m_call.budget);
    if (m_call.budget.exceeded()) return {};
    DELTASCOPE_ASSIGN(const OriginText whole, inOneLine(value));
    if (countCharacters(whole.bytes()) + indent + allowance <= kPrintWidth) {
      m_out.add(whole);
      return {};
    }
    if (const auto* dict = dictOf(value); dict && !dict->entries.empty()) return printDict(*dict, indent, allowance);
    if (const auto* list = listOf(value); list && !list->items.empty()) return printList(*list, indent, allowance);
    if (is<StringRef>(value)) return m_call.unsupported("a string that needs several lines is not supported");
    m_out.add(whole);
    return {};
  }

 private:
  Result<std::vector<Dict::Entry>> sortedEntries(const Dict& dict) {
    auto entries = dict.entries;
    std::stable_sort(entries.begin(), entries.end(), [&](const auto& a, const auto& b) {
      if (m_call.budget.exceeded()) return false;
      // Keys without an order are ordered by their types' names there.
      const auto less = lessThan(a.first, b.first, m_call.budget);
      return less ? *less : typeName(a.first) < typeName(b.first);
    });
    return entries;
  }

  Result<OriginText> inOneLine(const Value& value) {
    TextBuilder line(m_call.budget);
    DELTASCOPE_TRY(addOneLine(value, line));
    return line.take();
  }

  Result<void> addOneLine(const Value& value, TextBuilder& line) {
    const Depth depth(m_call.budget);
    if (m_call.budget.exceeded() || !m_call.budget.spend(1)) return {};
    if (const auto* dict = dictOf(value)) {
      DELTASCOPE_ASSIGN(const auto entries, sortedEntries(*dict));
      line.add("{");
      for (std::size_t i = 0; i < entries.size(); ++i) {
        if (i > 0) line.add(", ");
        DELTASCOPE_TRY(addOneLine(entries[i].first, line));
        line.add(": ");
        DELTASCOPE_TRY(addOneLine(entries[i].second, line));
      }
      line.add("}");
    } else if (const auto* list = listOf(value)) {
      const bool tuple = list->kind == SequenceKind::Tuple;
      line.add(tuple ? "(" : "[");
      for (std::size_t i = 0; i < list->items.size(); ++i) {
        if (i > 0) line.add(", ");
        DELTASCOPE_TRY(addOneLine(list->items[i], line));
      }
      if (tuple && list->items.size() == 1) line.add(",");
      line.add(tuple ? ")" : "]");
    } else {
      represent(value, line);
    }
    return {};
  }

  void newLine(std::size_t indent) { m_out.add(",\n" + std::string(indent, ' ')); }

  Result<void> printDict(const Dict& dict, std::size_t indent, std::size_t allowance) {
    DELTASCOPE_ASSIGN(const auto entries, sortedEntries(dict));
    m_out.add("{");
    for (std::size_t i = 0; i < entries.size() && !m_out.full(); ++i) {
      if (i > 0) newLine(indent + 1);
      DELTASCOPE_ASSIGN(const OriginText key, inOneLine(entries[i].first));
      m_out.add(key);
      m_out.add(": ");
      const std::size_t inner = indent + 1 + countCharacters(key.bytes()) + 2;
      DELTASCOPE_TRY(print(entries[i].second, inner, i + 1 == entries.size() ? allowance + 1 : 1));
    }
    m_out.add("}");
    return {};
  }

  Result<void> printList(const Sequence& list, std::size_t indent, std::size_t allowance) {
    const bool tuple = list.kind == SequenceKind::Tuple;
    m_out.add(tuple ? "(" : "[");
    const std::string end = tuple ? (list.items.size() == 1 ? ",)" : ")") : "]";
    for (std::size_t i = 0; i < list.items.size() && !m_out.full(); ++i) {
      if (i > 0) newLine(indent + 1);
      DELTASCOPE_TRY(print(list.items[i], indent + 1, i + 1 == list.items.size() ? allowance + end.size() : 1));
    }
    m_out.add(end);
    return {};
  }

  const Call& m_call;
  TextBuilder& m_out;
};

Result<Value> prettyPrint(Call& call) {
  DELTASCOPE_TRY(Parameters::of(call, {}));
  TextBuilder out(call.budget);
  DELTASCOPE_TRY(PrettyPrinter(call, out).print(call.self, 0, 0));
  return out.finish();
}

constexpr BuiltinRow kFilters[] = {{"center", center}, {"pprint", prettyPrint}, {"truncate", truncate}, {"wordwrap", wordwrap}};

}  // namespace

Builtin findLayoutFilter(std::string_view name) {
  for (const auto& [known, filter] : kFilters)
    if (known == name) return filter;
  return nullptr;
}

}  // namespace deltascope::jinja
