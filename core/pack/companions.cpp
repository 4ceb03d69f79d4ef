// SPDX-License-Identifier: Apache-2.0
#include "core/pack/companions.h"

#include <algorithm>

#include "core/checkpoint/companion_source.h"
#include "core/checkpoint/json.h"
#include "core/source/final_config.h"
#include "core/source/layout.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

/// Weights among other files of whoever keeps them: a file that was named, not its folder or index.
bool isLoneFile(const fs::path& given) {
  std::error_code ignored;
  return fs::is_regular_file(given, ignored) && !given.string().ends_with(".index.json");
}

Result<PackCompanions> beside(const Checkpoint& checkpoint) {
  DELTASCOPE_ASSIGN(CompanionList list,
                    listCompanions({checkpoint.folder(), checkpoint.files(), isLoneFile(checkpoint.path())}));
  PackCompanions companions;
  companions.leftOut = std::move(list.leftOut);
  for (const auto& file : list.files) {
    if (isCompanionPath(file.name))
      companions.files.push_back(sidecarOf(file));
    else
      companions.leftOut.push_back({file.name, "no name for every file system"});
  }
  return companions;
}

Sidecar* find(std::vector<Sidecar>& files, std::string_view name) {
  const auto found = std::ranges::find(files, name, &Sidecar::name);
  return found == files.end() ? nullptr : &*found;
}

/// A base's files for the final that adapters make of it, which is not quantized.
Result<void> asOfFinal(PackCompanions& companions, std::span<const TensorStats> tensors) {
  auto& files = companions.files;
  if (const Sidecar* kept = find(files, kFinalConfigName)) {
    DELTASCOPE_ASSIGN(const std::string own, readTextFile(kept->file));
    std::string text = configForFinal(own, kept->file, tensors);
    std::erase_if(files, [](const Sidecar& file) { return file.name == kFinalConfigName || file.name == kConfigName; });
    files.push_back(sidecarOf(std::string(kConfigName), std::move(text)));
  } else if (Sidecar* config = find(files, kConfigName)) {
    DELTASCOPE_ASSIGN(const std::string text, readTextFile(config->file));
    *config = sidecarOf(std::string(kConfigName), configForFinal(text, config->file, tensors));
  }
  return {};
}

bool isVocabulary(std::string_view name) {
  return name == kTokenizerFile || name == "tokenizer.model" || name == "vocab.json" || name == "tekken.json";
}

bool isTemplate(std::string_view name) { return name == kTemplateFile || name.starts_with("additional_chat_templates/"); }

/// A template that lies in the adapter's tokenizer_config.json, where the base's own files would hide it.
bool hidesTemplate(const CompanionList& adapter) {
  if (std::ranges::any_of(adapter.files, isTemplate, &CompanionFile::name)) return false;
  const auto config = std::ranges::find(adapter.files, kTokenizerConfigFile, &CompanionFile::name);
  if (config == adapter.files.end()) return false;
  const auto json = readTextFile(config->file).and_then([&](const std::string& text) { return parseJson(text, config->file); });
  if (!json || !json->is_object()) return false;
  const auto entry = json->find("chat_template");
  return entry != json->end() && !entry->is_null();
}

Result<void> overlay(PackCompanions& companions, const Adapter& adapter) {
  std::error_code ignored;
  const fs::path folder = fs::is_directory(adapter.path(), ignored) ? adapter.path() : adapter.path().parent_path();
  DELTASCOPE_ASSIGN(const CompanionList list, listCompanions({folder, adapter.tensors().files(), true}));
  const std::string owner = folder.lexically_normal().filename().string() + "/";
  if (std::ranges::any_of(list.files, isVocabulary, &CompanionFile::name)) {
    for (const auto& file : companions.files)
      if (belongsToTokenizer(file.name)) companions.leftOut.push_back({file.name, "the adapter has a tokenizer of its own"});
    std::erase_if(companions.files, [](const Sidecar& file) { return belongsToTokenizer(file.name); });
  }
  if (hidesTemplate(list)) {
    for (const auto& file : companions.files)
      if (isTemplate(file.name)) companions.leftOut.push_back({file.name, "the adapter has a chat template of its own"});
    std::erase_if(companions.files, [](const Sidecar& file) { return isTemplate(file.name); });
  }
  for (const auto& file : list.files) {
    if (!belongsToTokenizer(file.name)) {
      companions.leftOut.push_back({owner + file.name, "the adapter's, which the final has no longer"});
    } else if (Sidecar* same = find(companions.files, file.name)) {
      *same = sidecarOf(file);
    } else {
      companions.files.push_back(sidecarOf(file));
    }
    std::erase_if(companions.leftOut, [&](const LeftOut& out) { return out.name == file.name; });
  }
  return {};
}

}  // namespace

Result<PackCompanions> companionsOf(const PackSources& sources) {
  PackCompanions companions;
  if (const Checkpoint* final = sources.finalCheckpoint()) {
    DELTASCOPE_ASSIGN(companions, beside(*final));
  } else {
    DELTASCOPE_ASSIGN(companions, beside(sources.base()->checkpoint()));
    std::vector<TensorStats> tensors;
    for (const auto& tensor : sources.tensors()) tensors.push_back(tensor.stats);
    DELTASCOPE_TRY(asOfFinal(companions, tensors));
    for (const auto& adapter : sources.adapters()) DELTASCOPE_TRY(overlay(companions, *adapter));
  }
  std::ranges::sort(companions.files, {}, &Sidecar::name);
  std::ranges::sort(companions.leftOut, {}, &LeftOut::name);
  return companions;
}

}  // namespace deltascope
