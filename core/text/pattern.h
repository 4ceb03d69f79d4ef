// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a step looks for in a text: a string, a regular expression, or characters of a kind.
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/text/regex.h"
#include "core/text/stage.h"

namespace deltascope::text {

/// Bytes [begin, end) of a text; texts are below 2 GiB.
struct Span {
  std::uint32_t begin = 0, end = 0;
  bool isMatch = false;
  [[nodiscard]] std::uint32_t size() const { return end - begin; }
};

using CharTest = bool (*)(char32_t);
using Pattern = std::variant<std::string, Regex, CharTest>;  ///< with a CharTest each character is a match of its own

/// Reads `"pattern": {"String": …}` or `{"Regex": …}`.
[[nodiscard]] Result<Pattern> readPattern(const Stage& stage);
/// Replaces `spans` by matches and the gaps between them, which cover `text` (valid UTF-8) in order.
[[nodiscard]] Result<void> findSpans(const Pattern& pattern, std::string_view text, std::vector<Span>& spans);

/// A Replace step, of normalizers and decoders alike. `marks`: one byte for each byte of text, or empty; what is inserted
/// carries the mark of any byte it stands for.
struct Replace {
  Pattern pattern;
  std::string content;
};
[[nodiscard]] Result<Replace> readReplace(const Stage& stage);
[[nodiscard]] Result<void> apply(const Replace& step, std::string& text, std::string& marks);

}  // namespace deltascope::text
