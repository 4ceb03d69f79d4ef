// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/checkpoint/companion_source.h"
#include "core/checkpoint/json.h"
#include "core/text/tokenizer_state.h"

namespace deltascope {
namespace {

using text::Stage;

constexpr std::size_t kLongestPattern = 1024;

Stage stageOf(const nlohmann::json& root, const std::filesystem::path& file, const char* key) {
  static const nlohmann::json kNull;
  const auto entry = root.find(key);
  return Stage(entry == root.end() ? kNull : *entry, file, key);
}

/// What other vocabularies the files have: transformers makes a tokenizer.json of them.
Error noTokenizer(const CompanionSource& files, const std::filesystem::path& file) {
  for (const auto* other : {"tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json"})
    if (files.has(other))
      return {ErrorCode::NotFound, at({file, {}, {}}, std::string("there is no such file, only ") + other),
              "make it with transformers: AutoTokenizer.from_pretrained(folder).save_pretrained(folder)"};
  return {ErrorCode::NotFound, at({file, {}, {}}, "there is no such file"),
          "copy the tokenizer.json of the model into its folder"};
}

}  // namespace

Result<Tokenizer> Tokenizer::open(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return open(FolderCompanions(path));
  return open(FolderCompanions(path.parent_path()), path.filename().string());
}

Result<Tokenizer> Tokenizer::open(const CompanionSource& files, std::string_view name) {
  const auto file = files.shown(name);
  if (!files.has(name)) return tl::make_unexpected(noTokenizer(files, file));
  DELTASCOPE_ASSIGN(std::string json, files.read(name));
  DELTASCOPE_ASSIGN(const auto root, parseJson(json, file));
  json = {};
  const Stage top(root, file, "tokenizer");
  if (!root.is_object()) return top.refuse("is not an object");
  DELTASCOPE_ASSIGN(const std::string version, top.string("version", "1.0"));
  if (version != "1.0") return top.unsupported("version \"" + printable(version) + "\" is not supported; 1.0 is");

  auto state = std::make_shared<State>();
  state->file = file;
  DELTASCOPE_ASSIGN(state->normalizer, text::readNormalizer(stageOf(root, file, "normalizer")));
  DELTASCOPE_ASSIGN(state->preTokenizer, text::readPreTokenizer(stageOf(root, file, "pre_tokenizer")));
  DELTASCOPE_ASSIGN(state->model, text::Bpe::read(stageOf(root, file, "model")));
  DELTASCOPE_ASSIGN(state->postProcessor, text::readPostProcessor(stageOf(root, file, "post_processor")));
  DELTASCOPE_ASSIGN(state->decoder, text::readDecoder(stageOf(root, file, "decoder")));
  DELTASCOPE_ASSIGN(auto added, text::readAddedTokens(top));

  const auto& vocabulary = state->model.vocabulary();
  state->size = vocabulary.size();
  const std::size_t limit = 4 * (vocabulary.size() + added.size()) + 65536;
  for (auto& token : added) {
    const std::string name = "the added token \"" + printable(token.content) + "\"";
    const TokenId id = token.id;
    if (id >= limit) return top.refuse(name + " has an id out of range");
    const auto known = vocabulary.find(token.content);
    const auto* taken = vocabulary.token(id);
    if ((known && *known != id) || (taken && *taken != token.content))
      return top.refuse(name + " has another id in the vocabulary, or its id another token");
    if (const auto same = state->addedIds.find(token.content); same != state->addedIds.end()) {
      if (same->second != id) return top.refuse(name + " has two ids");
      continue;
    }
    std::string pattern = token.content, noMarks;
    if (token.normalized) DELTASCOPE_TRY(text::normalize(state->normalizer, pattern, noMarks));
    if (pattern.size() > kLongestPattern) return top.unsupported(name + " is longer than 1024 bytes once normalized");
    (token.normalized ? state->inNormalized : state->inText).add(pattern, token);
    if (token.special) state->specials.push_back(id);
    state->size = std::max<std::size_t>(state->size, std::size_t{id} + 1);
    const auto [entry, isNew] = state->added.emplace(id, std::move(token));
    if (!isNew) return top.refuse(name + " shares its id with another added token");
    state->addedIds.emplace(entry->second.content, id);
  }
  std::sort(state->specials.begin(), state->specials.end());
  for (const auto* ids : {&state->postProcessor.before, &state->postProcessor.after})
    for (const TokenId id : *ids)
      if (!state->token(id)) return top.refuse("the post-processor adds id " + std::to_string(id) + ", which no token has");
  return Tokenizer(std::move(state));
}

}  // namespace deltascope
