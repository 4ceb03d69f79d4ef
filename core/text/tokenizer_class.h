// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Which of transformers' tokenizer classes a model's files are loaded as: AutoTokenizer of transformers 5.24.
#include <optional>
#include <string>
#include <string_view>

namespace deltascope::text {

/// How a class makes a tokenizer of a tokenizer.json.
enum class ClassKind {
  File,   ///< runs the file as it is (TokenizersBackend, once PreTrainedTokenizerFast)
  Llama,  ///< the others keep vocabulary and merges, and bring stages of their own
  CodeLlama,
  Gemma,
  Qwen2,
  Qwen35,
  Gpt2,  ///< and Roberta's kind, with tokens around a text
  Roberta,
  GptNeoX,
  Cohere,
  T5,
  XlmRoberta,
  Camembert,
  Albert,
  Bert,
  Other,  ///< brings stages that are not built here, or is not made from a tokenizer.json
};

struct TokenizerClass {
  std::string name;  ///< as transformers calls it: "LlamaTokenizer"
  ClassKind kind = ClassKind::File;
};

struct ClassRequest {
  std::string modelType;   ///< of config.json, or empty
  std::string named;       ///< "tokenizer_class" of tokenizer_config.json, else of config.json, or empty
  bool byteLevel = false;  ///< tokenizer.json holds the word "ByteLevel"
};
[[nodiscard]] TokenizerClass chooseClass(const ClassRequest& request);

}  // namespace deltascope::text
