// SPDX-License-Identifier: Apache-2.0
#include "core/checkpoint/gguf_sentence_pieces.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/base/units.h"
#include "core/checkpoint/gguf_texts.h"

namespace deltascope {
namespace {

using nlohmann::json;

constexpr std::string_view kSpace = "\u2581";
constexpr std::size_t kLongest = 1024;  // characters

/// Two tokens that become one.
struct Merge {
  std::string_view left, right;
  double score = 0;
  std::size_t leftSize = 0, rightSize = 0;  ///< in characters
};

using Places = std::unordered_map<std::string_view, std::size_t>;

bool beginsCharacter(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

/// Every way to put `token` together from two others, in the order of their places.
Result<void> addMerges(const GgufFile& file, std::string_view token, double score, const Places& places,
                       std::vector<Merge>& into) {
  const auto size = static_cast<std::size_t>(std::ranges::count_if(token, beginsCharacter));
  if (size > kLongest)
    return fail(ErrorCode::Corrupt, at({file.path(), {}, {}}, "has a token of " + formatCount(size) + " characters"));
  struct Found {
    std::size_t left, right;
    Merge merge;
  };
  std::vector<Found> own;
  for (std::size_t cut = 1, before = 1; cut < token.size(); ++cut) {
    if (!beginsCharacter(token[cut])) continue;
    const auto left = places.find(token.substr(0, cut)), right = places.find(token.substr(cut));
    if (left != places.end() && right != places.end())
      own.push_back({left->second, right->second, {left->first, right->first, score, before, size - before}});
    ++before;
  }
  std::ranges::stable_sort(own, {}, [](const Found& f) { return std::pair(f.left, f.right); });
  for (const auto& found : own) into.push_back(found.merge);
  return {};
}

Result<json> mergesOf(const GgufFile& file, const std::vector<std::string>& tokens, const std::vector<double>& scores) {
  Places places;
  for (std::size_t id = 0; id < tokens.size(); ++id) places.insert_or_assign(tokens[id], id);
  std::vector<Merge> merges;
  for (std::size_t id = 0; id < tokens.size(); ++id)
    if (places.at(tokens[id]) == id) DELTASCOPE_TRY(addMerges(file, tokens[id], scores[id], places, merges));
  std::ranges::stable_sort(merges, std::greater<>(),
                           [](const Merge& m) { return std::tuple(m.score, m.leftSize, m.rightSize); });
  json all = json::array();
  for (const auto& merge : merges) all.push_back({merge.left, merge.right});
  return all;
}

json replace(std::string_view from, std::string_view to) {
  return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}

void addStages(SentencePieces::Spaces spaces, json& tokenizer) {
  using Spaces = SentencePieces::Spaces;
  tokenizer["normalizer"] = json();
  tokenizer["pre_tokenizer"] = json();
  if (spaces == Spaces::AsTheyAre) {
    tokenizer["normalizer"] = replace(" ", kSpace);
    tokenizer["pre_tokenizer"] = {
        {"type", "Split"}, {"pattern", {{"String", " "}}}, {"behavior", "MergedWithPrevious"}, {"invert", false}};
  } else if (spaces == Spaces::Always) {
    tokenizer["normalizer"] = {
        {"type", "Sequence"}, {"normalizers", json::array({{{"type", "Prepend"}, {"prepend", kSpace}}, replace(" ", kSpace)})}};
  } else {
    tokenizer["pre_tokenizer"] = {{"type", "Metaspace"},
                                  {"replacement", kSpace},
                                  {"prepend_scheme", spaces == Spaces::First ? "first" : "never"},
                                  {"split", false}};
  }
  json decoders = json::array({replace(kSpace, " "), {{"type", "ByteFallback"}}, {{"type", "Fuse"}}});
  if (spaces == Spaces::First || spaces == Spaces::Always)
    decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1U}, {"stop", 0U}});
  tokenizer["decoder"] = {{"type", "Sequence"}, {"decoders", std::move(decoders)}};
}

}  // namespace

const GgufArray* arrayIn(const GgufMetadata& metadata, std::string_view key, bool texts) {
  const auto found = metadata.find(key);
  const auto* array = found == metadata.end() ? nullptr : std::get_if<GgufArray>(&found->second);
  return array && (array->type == GgufType::String) == texts && array->type != GgufType::Array ? array : nullptr;
}

bool flagIn(const GgufMetadata& metadata, std::string_view key, bool otherwise) {
  const auto found = metadata.find(key);
  const auto* flag = found == metadata.end() ? nullptr : std::get_if<bool>(&found->second);
  return flag ? *flag : otherwise;
}

bool hasSentencePieces(const GgufMetadata& metadata) {
  const auto* model = textIn(metadata, "tokenizer.ggml.model");
  return model && *model == "llama" && arrayIn(metadata, "tokenizer.ggml.tokens", true) &&
         arrayIn(metadata, "tokenizer.ggml.scores", false);
}

SentencePieces sentencePiecesOf(const GgufMetadata& metadata) {
  const auto* architecture = textIn(metadata, "general.architecture");
  SentencePieces pieces;
  if (architecture && architecture->starts_with("gemma")) return {SentencePieces::Spaces::AsTheyAre, true, true};
  if (!flagIn(metadata, "tokenizer.ggml.add_space_prefix", true))
    pieces.spaces = SentencePieces::Spaces::None;
  else if (architecture && *architecture == "phi3")
    pieces.spaces = SentencePieces::Spaces::Always;
  return pieces;
}

void spellSpaces(std::string& token) {
  if (token.empty() || token.find_first_not_of(' ') != std::string::npos) return;
  std::string spelled;
  for (std::size_t i = 0; i < token.size(); ++i) spelled += kSpace;
  token = std::move(spelled);
}

Result<void> addSentencePieces(const GgufFile& file, const SentencePieces& pieces, const std::vector<std::string>& tokens,
                               json& tokenizer) {
  DELTASCOPE_ASSIGN(auto scores, file.numbers(*arrayIn(file.metadata(), "tokenizer.ggml.scores", false)));
  if (scores.size() < tokens.size() || !std::ranges::all_of(scores, [](double score) { return std::isfinite(score); }))
    return fail(ErrorCode::Corrupt,
                at({file.path(), {}, {}}, "its tokenizer.ggml.scores are not a finite number for each token"));
  if (pieces.byPlace)
    for (std::size_t id = 0; id < scores.size(); ++id) scores[id] = -static_cast<double>(id);
  json vocabulary = json::object();
  for (std::size_t id = 0; id < tokens.size(); ++id) vocabulary[tokens[id]] = id;
  DELTASCOPE_ASSIGN(json merges, mergesOf(file, tokens, scores));
  const auto unknown = wholeIn(file.metadata(), "tokenizer.ggml.unknown_token_id");
  const bool known = unknown && *unknown < tokens.size();
  addStages(pieces.spaces, tokenizer);
  tokenizer["model"] = {{"type", "BPE"},
                        {"dropout", nullptr},
                        {"unk_token", known && pieces.byPlace ? json(tokens[static_cast<std::size_t>(*unknown)]) : json()},
                        {"continuing_subword_prefix", nullptr},
                        {"end_of_word_suffix", nullptr},
                        {"fuse_unk", true},
                        {"byte_fallback", true},
                        {"ignore_merges", false},
                        {"vocab", std::move(vocabulary)},
                        {"merges", std::move(merges)}};
  return {};
}

}  // namespace deltascope
