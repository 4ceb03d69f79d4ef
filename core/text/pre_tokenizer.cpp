// SPDX-License-Identifier: Apache-2.0
#include "core/text/pre_tokenizer.h"

#include "core/text/byte_level.h"
#include "core/text/utf8.h"

namespace deltascope::text {
namespace {

constexpr std::size_t kMostBytes = 0x7FFFFFFF;

/// Builds the text anew, piece by piece.
template <class Write>
Result<void> rewrite(Pieces& pieces, Write&& write) {
  std::string text;
  text.reserve(pieces.text.size() + pieces.text.size() / 8 + 16);
  for (Span& span : pieces.spans) {
    const std::size_t begin = text.size();
    write(span, pieces.text.substr(span.begin, span.size()), text);
    if (text.size() > kMostBytes) return fail(ErrorCode::InvalidArgument, "the text is longer than 2 GiB once it is prepared");
    span = {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(text.size()), false};
  }
  pieces.owned = std::move(text);
  pieces.text = pieces.owned;
  return {};
}

Result<void> run(const Split& step, Pieces& pieces) { return splitPieces(step, pieces); }

Result<void> run(const Metaspace& step, Pieces& pieces) {
  const bool atStart = pieces.atStart;
  DELTASCOPE_TRY(rewrite(pieces, [&](const Span& span, std::string_view piece, std::string& text) {
    const bool wanted =
        step.scheme == Metaspace::Scheme::Always || (step.scheme == Metaspace::Scheme::First && atStart && span.begin == 0);
    if (wanted && !piece.starts_with(step.replacement) && !piece.starts_with(' ')) text += step.replacement;
    for (const char c : piece)
      if (c == ' ')
        text += step.replacement;
      else
        text += c;
  }));
  if (!step.split) return {};
  return splitPieces({step.replacement, SplitBehavior::MergedWithNext, false}, pieces);
}

Result<void> run(const CutEvery& step, Pieces& pieces) {
  std::vector<Span> spans;
  for (const Span& piece : pieces.spans) {
    std::uint32_t begin = piece.begin, count = 0;
    for (std::uint32_t at = piece.begin; at < piece.end;) {
      at += utf8At(pieces.text, at).length;
      if (++count % step.characters != 0 && at < piece.end) continue;
      spans.push_back({begin, at, false});
      begin = at;
    }
  }
  pieces.spans = std::move(spans);
  return {};
}

Result<void> run(PrefixSpace, Pieces& pieces) {
  return rewrite(pieces, [](const Span&, std::string_view piece, std::string& text) {
    if (!piece.starts_with(' ')) text += ' ';
    text += piece;
  });
}

Result<void> run(ToByteLevel, Pieces& pieces) {
  return rewrite(pieces, [](const Span&, std::string_view piece, std::string& text) { text += toByteLevel(piece); });
}

}  // namespace

Result<void> preTokenize(const PreTokenizer& preTokenizer, Pieces& pieces) {
  for (const auto& step : preTokenizer.steps)
    DELTASCOPE_TRY(std::visit([&pieces](const auto& s) { return run(s, pieces); }, step));
  return {};
}

}  // namespace deltascope::text
