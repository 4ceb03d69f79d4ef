// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <nlohmann/json.hpp>

#include "core/base/units.h"
#include "core/checkpoint/gguf_sentence_pieces.h"
#include "core/checkpoint/gguf_texts.h"

namespace deltascope {
namespace {

using nlohmann::json;

/// How words are split before merging, by the name that the file gives it (llama.cpp: llama-vocab.cpp).
struct Splitting {
  std::string_view name;
  std::string_view pattern;
  bool wholeTokens = false;  ///< a word that is a token needs no merges
  bool composed = false;     ///< text is brought into Unicode's form C first
};
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::array kSplittings{Splitting{"llama-bpe", kLlama3, true, false}, Splitting{"llama3", kLlama3, true, false},
                                 Splitting{"llama-v3", kLlama3, true, false}, Splitting{"qwen2", kQwen2, false, true}};

constexpr std::uint64_t kControl = 3, kUserDefined = 4;  // kinds of tokens

const Splitting* splittingOf(const GgufMetadata& metadata) {
  const auto* model = textIn(metadata, "tokenizer.ggml.model");
  const auto* name = textIn(metadata, "tokenizer.ggml.pre");
  if (!model || *model != "gpt2" || !name) return nullptr;
  const auto found = std::ranges::find(kSplittings, *name, &Splitting::name);
  return found == kSplittings.end() ? nullptr : &*found;
}

std::optional<std::string> tokenOf(const GgufMetadata& metadata, const std::vector<std::string>& tokens, std::string_view key) {
  const auto id = wholeIn(metadata, key);
  return id && *id < tokens.size() ? std::optional(tokens[static_cast<std::size_t>(*id)]) : std::nullopt;
}

/// `special`: ids that count as control tokens whatever their kind.
Result<json> addedTokens(const GgufFile& file, const std::vector<std::string>& tokens,
                         const std::vector<std::uint64_t>& special = {}) {
  json added = json::array();
  const auto* kinds = arrayIn(file.metadata(), "tokenizer.ggml.token_type", false);
  std::vector<double> numbers;
  if (kinds) {
    DELTASCOPE_ASSIGN(numbers, file.numbers(*kinds));
  }
  numbers.resize(tokens.size(), 0);
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const bool control = numbers[id] == kControl || std::ranges::find(special, id) != special.end();
    if (!control && numbers[id] != kUserDefined) continue;
    added.push_back({{"id", id},
                     {"content", tokens[id]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", control}});
  }
  return added;
}

/// What puts the token of the beginning in front.
json beginning(const std::string& token, std::uint64_t id) {
  const json special{{"SpecialToken", {{"id", token}, {"type_id", 0}}}}, first{{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
      second{{"Sequence", {{"id", "B"}, {"type_id", 1}}}};
  return {{"type", "TemplateProcessing"},
          {"single", {special, first}},
          {"pair", {special, first, special, second}},
          {"special_tokens", {{token, {{"id", token}, {"ids", {id}}, {"tokens", {token}}}}}}};
}

json byteLevel(bool prefix) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", prefix}, {"trim_offsets", true}, {"use_regex", false}};
}

Result<json> withSentencePieces(const GgufFile& file) {
  const auto& metadata = file.metadata();
  DELTASCOPE_ASSIGN(auto tokens, file.texts(*arrayIn(metadata, "tokenizer.ggml.tokens", true)));
  const SentencePieces pieces = sentencePiecesOf(metadata);
  if (pieces.spellsSpaces)
    for (auto& token : tokens) spellSpaces(token);
  json tokenizer{{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}};
  std::vector<std::uint64_t> special;
  for (const char* name : {"bos", "eos", "unknown", "padding"})
    if (const auto id = wholeIn(metadata, std::string("tokenizer.ggml.") + name + "_token_id")) special.push_back(*id);
  DELTASCOPE_ASSIGN(tokenizer["added_tokens"], addedTokens(file, tokens, special));
  DELTASCOPE_TRY(addSentencePieces(file, pieces, tokens, tokenizer));
  const auto begin = wholeIn(metadata, "tokenizer.ggml.bos_token_id");
  const bool begins = flagIn(metadata, "tokenizer.ggml.add_bos_token", true) && begin && *begin < tokens.size();
  tokenizer["post_processor"] = begins ? beginning(tokens[static_cast<std::size_t>(*begin)], *begin) : json();
  return tokenizer;
}

}  // namespace

bool hasGgufTokenizer(const GgufFile& file) {
  const auto& metadata = file.metadata();
  if (hasSentencePieces(metadata)) return true;
  return splittingOf(metadata) && arrayIn(metadata, "tokenizer.ggml.tokens", true) &&
         arrayIn(metadata, "tokenizer.ggml.merges", true);
}

Result<json> tokenizerFromGguf(const GgufFile& file) {
  const auto& metadata = file.metadata();
  if (!hasGgufTokenizer(file)) {
    const auto said = [&](const char* key) {
      const auto* text = textIn(metadata, key);
      return text ? printable(*text, 40) : std::string("not told");
    };
    return fail(ErrorCode::Unsupported,
                at({file.path(), {}, {}}, "its tokenizer (tokenizer.ggml.model " + said("tokenizer.ggml.model") + ", pre " +
                                              said("tokenizer.ggml.pre") + ") cannot be run here"),
                "give token ids, or the model as the base of a payload, whose final has a tokenizer.json");
  }
  if (hasSentencePieces(metadata)) return withSentencePieces(file);
  const Splitting& splitting = *splittingOf(metadata);
  DELTASCOPE_ASSIGN(const auto tokens, file.texts(*arrayIn(metadata, "tokenizer.ggml.tokens", true)));
  DELTASCOPE_ASSIGN(const auto merges, file.texts(*arrayIn(metadata, "tokenizer.ggml.merges", true)));
  json vocabulary = json::object();
  for (std::size_t id = 0; id < tokens.size(); ++id) vocabulary.emplace(tokens[id], id);
  DELTASCOPE_ASSIGN(json added, addedTokens(file, tokens));
  const auto begin = wholeIn(metadata, "tokenizer.ggml.bos_token_id");
  const bool begins =
      flagIn(metadata, "tokenizer.ggml.add_bos_token", splitting.wholeTokens) && begin && *begin < tokens.size();
  json tokenizer{{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}, {"added_tokens", std::move(added)}};
  tokenizer["normalizer"] = splitting.composed ? json{{"type", "NFC"}} : json();
  const json split{{"type", "Split"}, {"pattern", {{"Regex", splitting.pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
  tokenizer["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {split, byteLevel(false)}}};
  tokenizer["post_processor"] = begins ? beginning(tokens[static_cast<std::size_t>(*begin)], *begin) : byteLevel(false);
  tokenizer["decoder"] = byteLevel(true);
  tokenizer["model"] = {{"type", "BPE"},
                        {"dropout", nullptr},
                        {"unk_token", nullptr},
                        {"continuing_subword_prefix", nullptr},
                        {"end_of_word_suffix", nullptr},
                        {"fuse_unk", false},
                        {"byte_fallback", false},
                        {"ignore_merges", splitting.wholeTokens},
                        {"vocab", std::move(vocabulary)},
                        {"merges", merges}};
  return tokenizer;
}

Result<json> tokenizerConfigFromGguf(const GgufFile& file) {
  const auto& metadata = file.metadata();
  DELTASCOPE_ASSIGN(const auto tokens, file.texts(*arrayIn(metadata, "tokenizer.ggml.tokens", true)));
  json config{{"tokenizer_class", "PreTrainedTokenizerFast"}, {"clean_up_tokenization_spaces", false}};
  for (const auto& [key, name] :
       {std::pair{"bos_token", "tokenizer.ggml.bos_token_id"}, std::pair{"eos_token", "tokenizer.ggml.eos_token_id"},
        std::pair{"pad_token", "tokenizer.ggml.padding_token_id"}})
    if (auto token = tokenOf(metadata, tokens, name)) config[key] = std::move(*token);
  if (const auto* text = textIn(metadata, "tokenizer.chat_template")) config["chat_template"] = *text;
  return config;
}

}  // namespace deltascope
