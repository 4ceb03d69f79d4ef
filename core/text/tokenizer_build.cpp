// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/text/token_settings.h"
#include "core/text/tokenizer_rebuild.h"
#include "core/text/tokenizer_state.h"

namespace deltascope {
namespace {

using text::Stage;

Stage stageOf(const nlohmann::json& root, const std::filesystem::path& file, const char* key) {
  static const nlohmann::json kNull;
  const auto entry = root.find(key);
  return Stage(entry == root.end() ? kNull : *entry, file, key);
}

tl::unexpected<Error> refuseClass(const text::TokenizerFiles& files, const std::string& name) {
  return fail(ErrorCode::Unsupported,
              at({files.configFile, {}, {}}, "tokenizer_class: transformers makes " + printable(name, 60) +
                                                 " with stages of its own, which are not built here"),
              "run tokenizer.json as it is with --file-stages, or name PreTrainedTokenizerFast there");
}

/// Ids beyond what a model's embedding could hold are a damaged file's.
Result<void> checkSize(const Stage& top, std::size_t size, std::size_t tokens) {
  if (size <= 4 * tokens + 65536) return {};
  return top.refuse("an added token has an id out of range");
}

void idsAround(const std::vector<text::TokenAround>& tokens, const text::TokenSettings& settings,
               const text::AddedVocabulary& added, std::vector<std::uint32_t>& ids) {
  ids.clear();
  for (const auto& token : tokens) {
    const auto content = settings.named(token.setting);
    const auto id = content ? added.id(*content) : token.otherwise;
    if (id) ids.push_back(*id);
  }
}

}  // namespace

Result<Tokenizer> Tokenizer::build(text::TokenizerFiles files) {
  const Stage top(files.tokenizer, files.file, "tokenizer");
  if (!files.tokenizer.is_object()) return top.refuse("is not an object");
  DELTASCOPE_ASSIGN(const std::string version, top.string("version", "1.0"));
  if (version != "1.0") return top.unsupported("version \"" + printable(version) + "\" is not supported; 1.0 is");
  const auto chosen = text::classOf(files);
  if (chosen.kind == text::ClassKind::Other) return refuseClass(files, chosen.name);
  const text::Rebuilt rebuilt = text::rebuild(files, chosen.kind);

  auto state = std::make_shared<State>();
  state->file = files.file;
  state->className = chosen.name;
  state->fileStages = chosen.kind == text::ClassKind::File;
  const auto stage = [&](const char* key) { return stageOf(files.tokenizer, files.file, key); };
  DELTASCOPE_ASSIGN(state->normalizer, text::readNormalizer(stage("normalizer")));
  DELTASCOPE_ASSIGN(state->preTokenizer, text::readPreTokenizer(stage("pre_tokenizer")));
  DELTASCOPE_ASSIGN(state->model, text::Model::read(stage("model")));
  DELTASCOPE_ASSIGN(state->decoder, text::readDecoder(stage("decoder")));
  if (!rebuilt.bringsTokensAround) {
    DELTASCOPE_ASSIGN(state->postProcessor, text::readPostProcessor(stage("post_processor")));
  }

  const auto& vocabulary = state->model.vocabulary();
  const auto add = [&](const std::vector<text::AddedToken>& tokens) -> Result<void> {
    if (auto done = state->added.add(tokens, vocabulary, state->normalizer); !done)
      return top.refuse(done.error().message, done.error().code);
    return {};
  };
  DELTASCOPE_ASSIGN(const auto own, text::readAddedTokens(top));
  if (state->fileStages) DELTASCOPE_TRY(add(own));
  const bool hasSettings = files.config.is_object() || files.specialTokensMap.is_object() || files.addedTokens.is_object() ||
                           !files.modelType.empty();
  if (hasSettings) {
    DELTASCOPE_ASSIGN(const auto settings, text::TokenSettings::read(files, chosen.kind));
    DELTASCOPE_TRY(add(settings.missingFrom(state->added)));
    DELTASCOPE_TRY(add(settings.addedAgain(chosen.kind)));
    state->specialsAreText = settings.specialsAreText();
    if (rebuilt.bringsTokensAround) {
      idsAround(rebuilt.before, settings, state->added, state->postProcessor.before);
      idsAround(rebuilt.after, settings, state->added, state->postProcessor.after);
    }
  }
  state->inText = state->added.finder(false);
  state->inNormalized = state->added.finder(true);
  state->size = vocabulary.size();
  for (const auto& [id, token] : state->added.tokens()) {
    if (state->added.isSpecial(id)) state->specials.push_back(id);
    state->size = std::max<std::size_t>(state->size, std::size_t{id} + 1);
  }
  DELTASCOPE_TRY(checkSize(top, state->size, vocabulary.size() + state->added.tokens().size()));
  for (const auto* ids : {&state->postProcessor.before, &state->postProcessor.after})
    for (const TokenId id : *ids)
      if (!state->token(id)) return top.refuse("the post-processor adds id " + std::to_string(id) + ", which no token has");
  return Tokenizer(std::move(state));
}

}  // namespace deltascope
