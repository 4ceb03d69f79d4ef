// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "core/checkpoint/json.h"
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

/// The configuration of a quantized base says that the weights are quantized; the final's are not.
Result<void> writeConfigWithoutQuantization(const fs::path& from, const fs::path& to) {
  DELTASCOPE_ASSIGN(const std::string text, readTextFile(from));
  const auto parsed = parseJson(text, from);
  const nlohmann::json checked = parsed ? *parsed : nlohmann::json();  // what is no JSON says nothing of quantization
  if (!checked.is_object() || !checked.contains("quantization_config")) return writeTextFile(to, text);
  auto config = nlohmann::ordered_json::parse(text, nullptr, false);  // keeps the order of keys
  if (config.is_discarded()) return writeTextFile(to, withoutMember(text, "quantization_config"));
  config.erase("quantization_config");
  return writeTextFile(to, config.dump(2) + "\n");
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
      DELTASCOPE_TRY(writeConfigWithoutQuantization(file, folder / name));
    else
      DELTASCOPE_TRY(copyFile(file, folder / name));
  }
  return keptConfig ? copyFile(from / kFinalConfigName, folder / kConfigName) : Result<void>{};
}

}  // namespace deltascope
