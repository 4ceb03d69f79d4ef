// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "core/checkpoint/checkpoint.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 20> kCompanions{"config.json",
                                                       "generation_config.json",
                                                       "tokenizer.json",
                                                       "tokenizer_config.json",
                                                       "special_tokens_map.json",
                                                       "added_tokens.json",
                                                       "chat_template.jinja",
                                                       "chat_template.json",
                                                       "vocab.json",
                                                       "vocab.txt",
                                                       "merges.txt",
                                                       "tokenizer.model",
                                                       "spiece.model",
                                                       "sentencepiece.bpe.model",
                                                       "tekken.json",
                                                       "adapter_config.json",
                                                       "processor_config.json",
                                                       "preprocessor_config.json",
                                                       "params.json",
                                                       "README.md"};
/// Licences come under many names: LICENSE, LICENSE.txt, LICENCE-MODEL, USE_POLICY.md, NOTICE …
constexpr std::array<std::string_view, 4> kLegal{"LICENSE", "LICENCE", "NOTICE", "USE_POLICY"};

bool isCompanion(const std::string& name) {
  const auto begins = [&](std::string_view prefix) {
    const auto rest = name.starts_with(prefix) ? std::string_view(name).substr(prefix.size()) : "x";
    return rest.empty() || rest == ".txt" || rest == ".md" || rest.starts_with('-') || rest.starts_with('_');
  };
  return std::find(kCompanions.begin(), kCompanions.end(), name) != kCompanions.end() || name.ends_with(".tiktoken") ||
         std::any_of(kLegal.begin(), kLegal.end(), begins);
}

}  // namespace

std::vector<fs::path> companionFiles(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (isCompanion(entry->path().filename().string()) && entry->is_regular_file(ignored)) files.push_back(entry->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace deltascope
