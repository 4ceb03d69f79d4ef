// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a tokenizer is made of: the contents of the files beside a model's weights, parsed.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "core/base/result.h"
#include "core/text/tokenizer_class.h"

namespace deltascope {
class CompanionSource;
}

namespace deltascope::text {

/// A file that is not there is null.
struct TokenizerFiles {
  std::filesystem::path file;               ///< of tokenizer.json, for messages
  nlohmann::json tokenizer;                 ///< tokenizer.json
  nlohmann::ordered_json config;            ///< tokenizer_config.json
  nlohmann::ordered_json specialTokensMap;  ///< special_tokens_map.json
  nlohmann::ordered_json addedTokens;       ///< added_tokens.json
  std::filesystem::path configFile, specialTokensFile, addedTokensFile;
  std::string modelType, modelTokenizerClass;  ///< of config.json; empty where it does not say
  bool byteLevel = false;                      ///< tokenizer.json holds the word "ByteLevel" as a string
  bool fileStages = false;                     ///< the file is run as it is, whatever class is named
};

/// All but tokenizer.json, of which only `byteLevel` is filled. A file that is not a JSON object is Corrupt.
[[nodiscard]] Result<TokenizerFiles> readSettingsFiles(const CompanionSource& files);
/// The class that these files are loaded as.
[[nodiscard]] TokenizerClass classOf(const TokenizerFiles& files);

}  // namespace deltascope::text
