// SPDX-License-Identifier: Apache-2.0
// Reads the files of a tokenizer. What they mean is tokenizer_build.cpp's.
#include "core/checkpoint/companion_source.h"
#include "core/checkpoint/json.h"
#include "core/text/tokenizer_files.h"
#include "core/text/tokenizer_state.h"

namespace deltascope {

namespace {

/// What other vocabularies the files have: transformers makes a tokenizer.json of them.
Error noTokenizer(const CompanionSource& files, const std::filesystem::path& file) {
  for (const auto* other : {"tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json"})
    if (files.has(other))
      return {ErrorCode::NotFound, at({file, {}, {}}, std::string("there is no such file, only ") + other),
              "make it with transformers: AutoTokenizer.from_pretrained(folder).save_pretrained(folder)"};
  return {ErrorCode::NotFound, at({file, {}, {}}, "there is no such file"),
          "copy the tokenizer.json of the model into its folder, or give token ids"};
}

}  // namespace

Result<Tokenizer> Tokenizer::open(const std::filesystem::path& path, TokenizerStages stages) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return open(FolderCompanions(path), stages);
  text::TokenizerFiles alone;
  alone.fileStages = true;
  return openFile(FolderCompanions(path.parent_path()), path.filename().string(), std::move(alone));
}

Result<Tokenizer> Tokenizer::open(const CompanionSource& files, TokenizerStages stages) {
  DELTASCOPE_ASSIGN(auto settings, text::readSettingsFiles(files));
  settings.fileStages = stages == TokenizerStages::File;
  return openFile(files, kTokenizerFile, std::move(settings));
}

Result<Tokenizer> Tokenizer::openFile(const CompanionSource& files, std::string_view name, text::TokenizerFiles settings) {
  settings.file = files.shown(name);
  if (!files.has(name)) return tl::make_unexpected(noTokenizer(files, settings.file));
  DELTASCOPE_ASSIGN(std::string json, files.read(name));
  DELTASCOPE_ASSIGN(settings.tokenizer, parseJson(json, settings.file));
  json = {};
  return build(std::move(settings));
}

}  // namespace deltascope
