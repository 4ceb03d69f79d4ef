// SPDX-License-Identifier: Apache-2.0
// Cutting pieces at matches. What each behaviour does with a match is as in the tokenizers library (NormalizedString::split).
#include <algorithm>

#include "core/text/pre_tokenizer.h"

namespace deltascope::text {
namespace {

/// Runs of matches, and runs of gaps, become one span each.
void joinRuns(std::vector<Span>& spans) {
  std::size_t kept = 0;
  for (const Span& span : spans) {
    if (kept && spans[kept - 1].isMatch == span.isMatch)
      spans[kept - 1].end = span.end;
    else
      spans[kept++] = span;
  }
  spans.resize(kept);
}

/// A match joins the gap before it; the second of two matches in a row stands alone.
void joinPrevious(std::vector<Span>& spans) {
  std::size_t kept = 0;
  bool previous = false;
  for (const Span& span : spans) {
    if (span.isMatch && !previous && kept)
      spans[kept - 1].end = span.end;
    else
      spans[kept++] = span;
    previous = span.isMatch;
  }
  spans.resize(kept);
}

/// As joinPrevious, seen from the end.
void joinNext(std::vector<Span>& spans) {
  std::size_t kept = spans.size();
  bool next = false;
  for (std::size_t i = spans.size(); i-- > 0;) {
    const Span span = spans[i];
    if (span.isMatch && !next && kept < spans.size())
      spans[kept].begin = span.begin;
    else
      spans[--kept] = span;
    next = span.isMatch;
  }
  spans.erase(spans.begin(), spans.begin() + static_cast<std::ptrdiff_t>(kept));
}

void arrange(SplitBehavior behavior, std::vector<Span>& spans) {
  switch (behavior) {
    case SplitBehavior::Removed:
      std::erase_if(spans, [](const Span& span) { return span.isMatch; });
      return;
    case SplitBehavior::Isolated:
      return;
    case SplitBehavior::MergedWithPrevious:
      return joinPrevious(spans);
    case SplitBehavior::MergedWithNext:
      return joinNext(spans);
    case SplitBehavior::Contiguous:
      return joinRuns(spans);
  }
}

}  // namespace

Result<void> splitPieces(const Split& split, Pieces& pieces) {
  std::vector<Span> result, spans;
  for (const Span& piece : pieces.spans) {
    DELTASCOPE_TRY(findSpans(split.pattern, pieces.text.substr(piece.begin, piece.size()), spans));
    if (split.invert)
      for (Span& span : spans) span.isMatch = !span.isMatch;
    arrange(split.behavior, spans);
    for (const Span& span : spans)
      if (span.size()) result.push_back({piece.begin + span.begin, piece.begin + span.end, false});
  }
  pieces.spans = std::move(result);
  return {};
}

}  // namespace deltascope::text
