// SPDX-License-Identifier: Apache-2.0
#include "core/text/pre_tokenizer.h"
#include "core/text/utf8.h"

namespace deltascope::text {
namespace {

constexpr std::string_view kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// \w+|[^\w\s]+ with the \w of Rust's regex, which Whitespace uses.
constexpr std::string_view kWords =
    R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200c}\x{200d}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200c}\x{200d}\s]+)";

Result<Split> splitOn(const Stage& stage, std::string_view regex, SplitBehavior behavior, bool invert) {
  auto compiled = Regex::compile(regex);
  if (!compiled) return stage.refuse(compiled.error().message, compiled.error().code);
  return Split{*std::move(compiled), behavior, invert};
}

Result<SplitBehavior> readBehavior(const Stage& stage, std::optional<std::string> fallback = {}) {
  DELTASCOPE_ASSIGN(const std::string name, stage.string("behavior", std::move(fallback)));
  if (name == "Removed") return SplitBehavior::Removed;
  if (name == "Isolated") return SplitBehavior::Isolated;
  if (name == "MergedWithPrevious") return SplitBehavior::MergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::MergedWithNext;
  if (name == "Contiguous") return SplitBehavior::Contiguous;
  return stage.unsupported("the behavior \"" + printable(name) + "\" is not supported");
}

using Steps = std::vector<PreTokenizerStep>;

Result<void> readByteLevel(const Stage& stage, Steps& steps) {
  DELTASCOPE_ASSIGN(const bool space, stage.flag("add_prefix_space", true));
  DELTASCOPE_ASSIGN(const bool useRegex, stage.flag("use_regex", true));
  if (space) steps.emplace_back(PrefixSpace{});
  if (useRegex) {
    DELTASCOPE_ASSIGN(Split split, splitOn(stage, kGpt2, SplitBehavior::Isolated, false));
    steps.emplace_back(std::move(split));
  }
  steps.emplace_back(ToByteLevel{});
  return {};
}

Result<void> readSplit(const Stage& stage, Steps& steps) {
  DELTASCOPE_ASSIGN(Pattern pattern, readPattern(stage));
  DELTASCOPE_ASSIGN(const SplitBehavior behavior, readBehavior(stage));
  DELTASCOPE_ASSIGN(const bool invert, stage.flag("invert", false));
  steps.emplace_back(Split{std::move(pattern), behavior, invert});
  return {};
}

Result<void> readMetaspace(const Stage& stage, Steps& steps) {
  Metaspace step;
  DELTASCOPE_ASSIGN(step.replacement, readReplacement(stage));
  DELTASCOPE_ASSIGN(step.scheme, readPrependScheme(stage));
  DELTASCOPE_ASSIGN(step.split, stage.flag("split", true));
  steps.emplace_back(std::move(step));
  return {};
}

Result<void> readDelimiter(const Stage& stage, Steps& steps) {
  DELTASCOPE_ASSIGN(std::string delimiter, stage.string("delimiter"));
  steps.emplace_back(Split{std::move(delimiter), SplitBehavior::Removed, false});
  return {};
}

Result<void> readStep(const Stage& stage, Steps& steps) {
  DELTASCOPE_ASSIGN(const std::string type, stage.type());
  if (type == "ByteLevel") return readByteLevel(stage, steps);
  if (type == "Split") return readSplit(stage, steps);
  if (type == "Metaspace") return readMetaspace(stage, steps);
  if (type == "CharDelimiterSplit") return readDelimiter(stage, steps);
  if (type == "Digits") {
    DELTASCOPE_ASSIGN(const bool individual, stage.flag("individual_digits", false));
    steps.emplace_back(Split{isNumeric, individual ? SplitBehavior::Isolated : SplitBehavior::Contiguous, false});
  } else if (type == "Punctuation") {
    DELTASCOPE_ASSIGN(const SplitBehavior behavior, readBehavior(stage, "Isolated"));
    steps.emplace_back(Split{isPunctuation, behavior, false});
  } else if (type == "WhitespaceSplit") {
    steps.emplace_back(Split{isWhitespace, SplitBehavior::Removed, false});
  } else if (type == "FixedLength") {
    DELTASCOPE_ASSIGN(const std::uint32_t characters, stage.number("length", 5u));
    if (!characters) return stage.refuse("\"length\" is 0");
    steps.emplace_back(CutEvery{characters});
  } else if (type == "Whitespace") {
    DELTASCOPE_ASSIGN(Split split, splitOn(stage, kWords, SplitBehavior::Removed, true));
    steps.emplace_back(std::move(split));
  } else if (type == "BertPreTokenizer") {
    steps.emplace_back(Split{isWhitespace, SplitBehavior::Removed, false});
    steps.emplace_back(Split{isPunctuation, SplitBehavior::Isolated, false});
  } else {
    return stage.unsupported("the pre-tokenizer \"" + printable(type) + "\" is not supported");
  }
  return {};
}

}  // namespace

Result<PreTokenizer> readPreTokenizer(const Stage& stage) {
  DELTASCOPE_ASSIGN(const auto parts, flatten(stage, "pretokenizers"));
  PreTokenizer preTokenizer;
  for (const Stage& part : parts) DELTASCOPE_TRY(readStep(part, preTokenizer.steps));
  if (!preTokenizer.steps.empty() && std::holds_alternative<ToByteLevel>(preTokenizer.steps.back())) {
    preTokenizer.steps.pop_back();
    preTokenizer.yieldsBytes = true;
  }
  return preTokenizer;
}

Result<std::string> readReplacement(const Stage& stage) {
  DELTASCOPE_ASSIGN(std::string replacement, stage.string("replacement", "\xE2\x96\x81"));
  if (replacement.empty() || utf8At(replacement, 0).length != replacement.size())
    return stage.refuse("\"replacement\" must be one character");
  return replacement;
}

Result<Metaspace::Scheme> readPrependScheme(const Stage& stage) {
  DELTASCOPE_ASSIGN(const bool space, stage.flag("add_prefix_space", true));
  DELTASCOPE_ASSIGN(const std::string scheme, stage.string("prepend_scheme", space ? "always" : "never"));
  if (!space && scheme != "never") return stage.refuse("\"add_prefix_space\" contradicts \"prepend_scheme\"");
  if (scheme == "always") return Metaspace::Scheme::Always;
  if (scheme == "first") return Metaspace::Scheme::First;
  if (scheme == "never") return Metaspace::Scheme::Never;
  return stage.unsupported("the prepend scheme \"" + printable(scheme) + "\" is not supported");
}

}  // namespace deltascope::text
