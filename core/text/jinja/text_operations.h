// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What Python's str does, on texts that know their origin. Results are built within the budget.
#include <vector>

#include "core/text/jinja/value.h"

namespace deltascope::jinja {

/// The first `needle` at or after the byte `from`, or npos; in linear time.
[[nodiscard]] std::size_t findText(std::string_view text, std::string_view needle, std::size_t from);
[[nodiscard]] std::size_t findLastText(std::string_view text, std::string_view needle);

[[nodiscard]] OriginText strip(const OriginText& text, bool left, bool right, const OriginText* chars, Budget& budget);
/// `most` < 0: all. `needle` may be empty: then between all characters.
[[nodiscard]] Value replaceText(const OriginText& text, const OriginText& needle, const OriginText& with, std::int64_t most,
                                Budget& budget);
/// By white space when `separator` is null; it must not be empty.
[[nodiscard]] Value splitText(const OriginText& text, const OriginText* separator, std::int64_t most, Budget& budget);
[[nodiscard]] Value splitTextFromRight(const OriginText& text, const OriginText* separator, std::int64_t most, Budget& budget);
[[nodiscard]] std::vector<OriginText> splitLines(const OriginText& text, bool keepEnds, Budget& budget);

enum class Case { Upper, Lower, Title, Capitalize, Swap };
[[nodiscard]] Value changeCase(const OriginText& text, Case to, Budget& budget);
/// Jinja's title filter, whose words begin after white space and -([{<.
[[nodiscard]] Value titleWords(const OriginText& text, Budget& budget);

}  // namespace deltascope::jinja
