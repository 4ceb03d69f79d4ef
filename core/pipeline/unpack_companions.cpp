// SPDX-License-Identifier: Apache-2.0
#include "core/pipeline/final_config.h"
#include "core/pipeline/layout.h"
#include "core/pipeline/unpack_output.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLargestCompanion = std::uint64_t{1} << 30;  ///< vocabularies are tens of megabytes

Result<void> copyFile(const fs::path& from, const fs::path& to) {
  DELTASCOPE_ASSIGN(const std::string text, readTextFile(from, kLargestCompanion));
  return writeTextFile(to, text);
}

Result<void> writeConfig(const fs::path& from, const fs::path& to, const Payload& payload) {
  DELTASCOPE_ASSIGN(const std::string text, readTextFile(from));
  return writeTextFile(to, configForFinal(text, from, payload));
}

}  // namespace

Result<void> copyCompanionFiles(const ReconstructionSource& source, const fs::path& folder) {
  const bool packed = source.files.kind == ModelFiles::Kind::PackedModel;
  if (!packed && !source.base) return {};
  const fs::path from = packed ? source.files.path : source.base->checkpoint().folder();
  std::error_code ignored;
  const bool keptConfig = packed && fs::is_regular_file(from / kFinalConfigName, ignored);
  for (const auto& file : companionFiles(from)) {
    const auto name = file.filename();
    if (name == kConfigName && keptConfig) continue;
    if (name == kConfigName)
      DELTASCOPE_TRY(writeConfig(file, folder / name, source.payload));
    else
      DELTASCOPE_TRY(copyFile(file, folder / name));
  }
  return keptConfig ? copyFile(from / kFinalConfigName, folder / kConfigName) : Result<void>{};
}

}  // namespace deltascope
