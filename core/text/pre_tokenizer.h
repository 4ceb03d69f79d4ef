// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The pre-tokenizer of a tokenizer.json: cuts a text into the pieces that the model encodes one by one.
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/text/pattern.h"
#include "core/text/stage.h"

namespace deltascope::text {

enum class SplitBehavior { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };

struct Split {
  Pattern pattern;
  SplitBehavior behavior = SplitBehavior::Isolated;
  bool invert = false;
};
struct Metaspace {
  enum class Scheme { Always, First, Never };
  std::string replacement;
  Scheme scheme = Scheme::Always;
  bool split = true;
};
struct CutEvery {
  std::uint32_t characters = 5;
};
struct PrefixSpace {};  ///< a space before every piece that does not begin with one
struct ToByteLevel {};

using PreTokenizerStep = std::variant<Split, Metaspace, CutEvery, PrefixSpace, ToByteLevel>;

struct PreTokenizer {
  std::vector<PreTokenizerStep> steps;
  bool yieldsBytes = false;  ///< the model maps the pieces' bytes to byte-level characters: the last step, left to it for speed
};

/// A text in pieces, in order, none empty. The view is the caller's text, or `owned` once a step has changed it.
struct Pieces {
  std::string_view text;
  std::string owned;
  std::vector<Span> spans;
  bool atStart = false;  ///< whether `text` begins where the whole input begins
};

/// An unknown or unsupported step is refused by name.
[[nodiscard]] Result<PreTokenizer> readPreTokenizer(const Stage& stage);
/// `pieces` comes with one span over its text, or none when that is empty.
[[nodiscard]] Result<void> preTokenize(const PreTokenizer& preTokenizer, Pieces& pieces);

[[nodiscard]] Result<void> splitPieces(const Split& split, Pieces& pieces);

/// A Metaspace replacement, one character ("▁" when absent); also read by decoders.
[[nodiscard]] Result<std::string> readReplacement(const Stage& stage);
[[nodiscard]] Result<Metaspace::Scheme> readPrependScheme(const Stage& stage);

}  // namespace deltascope::text
