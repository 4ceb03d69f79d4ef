// SPDX-License-Identifier: Apache-2.0
#include "core/text/tokenizer_class.h"

#include <algorithm>

#include "core/text/tokenizer_class_tables.h"

namespace deltascope::text {
namespace {

struct Known {
  std::string_view name, real;
  ClassKind kind;
};
constexpr Known kBuilt[] = {{"TokenizersBackend", "TokenizersBackend", ClassKind::File},
                            {"PreTrainedTokenizer", "TokenizersBackend", ClassKind::File},
                            {"LlamaTokenizer", "LlamaTokenizer", ClassKind::Llama},
                            {"CodeLlamaTokenizer", "CodeLlamaTokenizer", ClassKind::CodeLlama},
                            {"GemmaTokenizer", "GemmaTokenizer", ClassKind::Gemma},
                            {"Qwen2Tokenizer", "Qwen2Tokenizer", ClassKind::Qwen2},
                            {"Qwen3_5Tokenizer", "Qwen3_5Tokenizer", ClassKind::Qwen35},
                            {"GPT2Tokenizer", "GPT2Tokenizer", ClassKind::Gpt2},
                            {"CodeGenTokenizer", "CodeGenTokenizer", ClassKind::Gpt2},
                            {"RobertaTokenizer", "RobertaTokenizer", ClassKind::Roberta},
                            {"BartTokenizer", "RobertaTokenizer", ClassKind::Roberta},
                            {"LEDTokenizer", "RobertaTokenizer", ClassKind::Roberta},
                            {"MvpTokenizer", "RobertaTokenizer", ClassKind::Roberta},
                            {"GPTNeoXTokenizer", "GPTNeoXTokenizer", ClassKind::GptNeoX},
                            {"CohereTokenizer", "CohereTokenizer", ClassKind::Cohere},
                            {"T5Tokenizer", "T5Tokenizer", ClassKind::T5},
                            {"XLMRobertaTokenizer", "XLMRobertaTokenizer", ClassKind::XlmRoberta},
                            {"CamembertTokenizer", "CamembertTokenizer", ClassKind::Camembert},
                            {"AlbertTokenizer", "AlbertTokenizer", ClassKind::Albert},
                            {"BertTokenizer", "BertTokenizer", ClassKind::Bert},
                            {"LxmertTokenizer", "BertTokenizer", ClassKind::Bert},
                            {"MobileBertTokenizer", "BertTokenizer", ClassKind::Bert},
                            {"SqueezeBertTokenizer", "BertTokenizer", ClassKind::Bert}};

bool hasWord(std::string_view words, std::string_view word) {
  for (std::size_t at = 0; !word.empty() && (at = words.find(word, at)) != std::string_view::npos; at += word.size()) {
    const std::size_t end = at + word.size();
    if ((at == 0 || words[at - 1] == ' ') && (end == words.size() || words[end] == ' ')) return true;
  }
  return false;
}

std::string_view withoutFast(std::string_view name) {
  if (name == "PreTrainedTokenizerFast") return "TokenizersBackend";
  return name.ends_with("Fast") ? name.substr(0, name.size() - 4) : name;
}

/// A class that is not known runs the file.
TokenizerClass classNamed(std::string_view name) {
  const auto bare = withoutFast(name);
  for (const auto& known : kBuilt)
    if (known.name == bare) return {std::string(known.real), known.kind};
  if (hasWord(kOthers, bare)) return {std::string(bare), ClassKind::Other};
  return {"TokenizersBackend", ClassKind::File};
}

}  // namespace

TokenizerClass chooseClass(const ClassRequest& request) {
  const auto* const row =
      std::ranges::find_if(kRegistered, [&](const auto& r) { return hasWord(r.modelTypes, request.modelType); });
  const std::string_view registered = row == std::end(kRegistered) ? std::string_view() : withoutFast(row->name);
  const bool misnamed = hasWord(kMisnamed, request.modelType);
  const std::string_view named = withoutFast(request.named);
  if (named.empty()) return classNamed(registered);
  // Llama 3's kind of file is often said to be Llama 2's.
  if (named == "LlamaTokenizer" && request.byteLevel && !misnamed) return classNamed({});
  if (registered.empty() || registered == named) return classNamed(named);
  if (registered == "TokenizersBackend") return classNamed({});
  return classNamed(misnamed ? registered : named);
}

}  // namespace deltascope::text
