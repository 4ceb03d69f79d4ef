// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cctype>

#include "core/checkpoint/companions.h"

namespace deltascope {
namespace {

constexpr std::array<std::string_view, 12> kNames{
    "config.json",        "generation_config.json", "special_tokens_map.json",           "added_tokens.json",
    "chat_template.json", "spiece.model",           "sentencepiece.bpe.model",           "tekken.json",
    "params.json",        "modules.json",           "config_sentence_transformers.json", "README.md"};
constexpr std::array<std::string_view, 5> kBeginnings{"tokenizer", "vocab.", "merges.", "chat_template.", "special_tokens."};
constexpr std::array<std::string_view, 3> kEndings{"_config.json", ".tiktoken", ".jinja"};
/// Code that a config.json names in auto_map.
constexpr std::array<std::string_view, 8> kCode{"modeling_", "configuration_",    "tokenization_",       "processing_",
                                                "modular_",  "image_processing_", "feature_extraction_", "generation_"};
/// Licences come under many names: LICENSE, LICENSE.txt, LICENCE-MODEL, USE_POLICY.md, NOTICE …
constexpr std::array<std::string_view, 4> kLegal{"LICENSE", "LICENCE", "NOTICE", "USE_POLICY"};
constexpr std::array<std::string_view, 2> kTemplateFolders{"additional_chat_templates", "chat_templates"};

constexpr std::array<std::string_view, 28> kWeights{".safetensors", ".safetensors.index.json",
                                                    ".bin",         ".bin.index.json",
                                                    ".pth",         ".pt",
                                                    ".ckpt",        ".gguf",
                                                    ".ggml",        ".onnx",
                                                    ".onnx_data",   ".onnx.data",
                                                    ".h5",          ".h5.index.json",
                                                    ".msgpack",     ".msgpack.index.json",
                                                    ".ot",          ".tflite",
                                                    ".pkl",         ".pickle",
                                                    ".npz",         ".npy",
                                                    ".engine",      ".distcp",
                                                    ".pdparams",    ".nemo",
                                                    ".mlmodel",     ".llamafile"};
constexpr std::array<std::string_view, 6> kTraining{"optimizer", "scheduler",     "rng_state",
                                                    "scaler",    "training_args", "random_states"};

template <class Names, class Test>
bool any(const Names& names, Test test) {
  return std::any_of(names.begin(), names.end(), test);
}

bool isLegal(std::string_view name) {
  return any(kLegal, [&](std::string_view prefix) {
    if (!name.starts_with(prefix)) return false;
    const auto rest = name.substr(prefix.size());
    return rest.empty() || rest == ".txt" || rest == ".md" || rest.starts_with('-') || rest.starts_with('_');
  });
}

/// "1_Pooling": a module of sentence-transformers.
bool isModuleFolder(std::string_view folder) {
  const auto mark = folder.find('_');
  return mark != 0 && mark != std::string_view::npos &&
         std::all_of(folder.begin(), folder.begin() + static_cast<std::ptrdiff_t>(mark),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

bool isWellKnownCompanion(std::string_view name) {
  if (const auto slash = name.find('/'); slash != std::string_view::npos) {
    const auto folder = name.substr(0, slash), rest = name.substr(slash + 1);
    if (rest.find('/') != std::string_view::npos) return false;
    if (any(kTemplateFolders, [&](std::string_view known) { return folder == known; })) return rest.ends_with(".jinja");
    return isModuleFolder(folder) && rest.ends_with(".json");
  }
  if (!weightsInDisguise(name).empty()) return false;
  const auto begins = [&](std::string_view start) { return name.starts_with(start); };
  const auto ends = [&](std::string_view end) { return name.ends_with(end); };
  return any(kNames, [&](std::string_view known) { return name == known; }) || any(kBeginnings, begins) ||
         any(kEndings, ends) || isLegal(name) || (name.ends_with(".py") && any(kCode, begins));
}

bool belongsToTokenizer(std::string_view name) {
  const auto slash = name.find('/');
  if (slash != std::string_view::npos)
    return any(kTemplateFolders, [&](std::string_view known) { return name.substr(0, slash) == known; });
  constexpr std::array<std::string_view, 5> kOthers{"added_tokens.json", "spiece.model", "sentencepiece.bpe.model",
                                                    "tekken.json", "chat_template.json"};
  return any(kBeginnings, [&](std::string_view start) { return name.starts_with(start); }) || name.ends_with(".tiktoken") ||
         any(kOthers, [&](std::string_view known) { return name == known; });
}

std::string_view weightsInDisguise(std::string_view path) {
  const auto slash = path.rfind('/');
  const auto name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  if (!any(kWeights, [&](std::string_view end) { return name.ends_with(end); })) return {};
  if (any(kTraining, [&](std::string_view start) { return name.starts_with(start); })) return "a state of training";
  if (name.starts_with("tokenizer") && name.ends_with(".bin")) return {};
  // A module of sentence-transformers with weights of its own, which no tensor of the checkpoint stands for.
  if (slash != std::string_view::npos && isModuleFolder(path.substr(0, path.find('/')))) return {};
  return "weights that are not those of this model's files";
}

std::string describeLeftOut(const std::vector<LeftOut>& leftOut, std::size_t most) {
  std::string text;
  for (std::size_t i = 0; i < std::min(most, leftOut.size()); ++i)
    text += (i ? ", " : "") + printable(leftOut[i].name) + " (" + leftOut[i].reason + ")";
  if (leftOut.size() > most) text += " and " + std::to_string(leftOut.size() - most) + " more";
  return text;
}

}  // namespace deltascope
