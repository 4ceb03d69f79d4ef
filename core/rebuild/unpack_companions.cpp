// SPDX-License-Identifier: Apache-2.0
#include "core/rebuild/unpack_companions.h"

#include <algorithm>

#include "core/base/file.h"
#include "core/source/final_config.h"
#include "core/source/layout.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

const CompanionFile* find(const std::vector<CompanionFile>& files, std::string_view name) {
  const auto found = std::ranges::find(files, name, &CompanionFile::name);
  return found == files.end() ? nullptr : &*found;
}

/// The files of a folder whose base may be quantized, for the final that is not: its config.json has no quantization, or is the
/// one that pack kept.
Result<std::vector<Sidecar>> asOfFinal(const std::vector<CompanionFile>& files, const Payload& payload) {
  std::vector<Sidecar> sidecars;
  const CompanionFile* kept = find(files, kFinalConfigName);
  for (const auto& file : files) {
    if (file.name == kFinalConfigName || (file.name == kConfigName && kept)) continue;
    if (file.name == kConfigName) {
      DELTASCOPE_ASSIGN(const std::string text, readTextFile(file.file));
      sidecars.push_back(sidecarOf(file.name, configForFinal(text, file.file, payload.tensors())));
    } else {
      sidecars.push_back(sidecarOf(file));
    }
  }
  if (!kept) return sidecars;
  sidecars.push_back(sidecarOf(*kept));
  sidecars.back().name = kConfigName;
  return sidecars;
}

/// Beside those that the payload carries, which may have its name in other letters.
bool hasPlaceFor(const Sidecar& file, const Payload& payload) {
  auto all = payload.companions();
  all.emplace_back().path = file.name;
  return !firstMisplaced(all, {});
}

Result<UnpackCompanions> ofPackedModel(const ReconstructionSource& source) {
  const fs::path& folder = source.files.path;
  CompanionScan scan{folder, {source.files.payload, folder / kIndexName}, false};
  scan.weights.push_back(folder / (std::string(kBaseStem) + ".safetensors.index.json"));
  if (source.base) std::ranges::copy(source.base->checkpoint().files(), std::back_inserter(scan.weights));
  DELTASCOPE_ASSIGN(CompanionList list, listCompanions(scan));
  UnpackCompanions companions;
  companions.leftOut = std::move(list.leftOut);
  DELTASCOPE_ASSIGN(companions.files, asOfFinal(list.files, source.payload));
  return companions;
}

}  // namespace

Result<UnpackCompanions> companionsOf(const ReconstructionSource& source) {
  const bool carries = !source.payload.companions().empty();
  if (source.files.kind == ModelFiles::Kind::PackedModel && !carries) return ofPackedModel(source);
  UnpackCompanions companions;
  companions.files = sidecarsOf(source.payload);
  const auto has = [&](std::string_view name) {
    return std::ranges::find(companions.files, name, &Sidecar::name) != companions.files.end();
  };
  if (has(kConfigName) || !source.base) return companions;
  const Checkpoint& base = source.base->checkpoint();
  DELTASCOPE_ASSIGN(CompanionList list, listCompanions({base.folder(), base.files(), true}));
  std::error_code ignored;
  if (const fs::path kept = base.folder() / kFinalConfigName; fs::is_regular_file(kept, ignored)) {
    list.files.push_back({std::string(kFinalConfigName), kept, fs::file_size(kept, ignored)});
  }
  DELTASCOPE_ASSIGN(std::vector<Sidecar> theirs, asOfFinal(list.files, source.payload));
  std::erase_if(theirs, [&](const Sidecar& file) { return !hasPlaceFor(file, source.payload); });
  companions.ofBase = namesOf(theirs);
  std::ranges::move(theirs, std::back_inserter(companions.files));
  return companions;
}

}  // namespace deltascope
