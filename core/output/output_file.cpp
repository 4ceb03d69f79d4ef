// SPDX-License-Identifier: Apache-2.0
#include "core/output/output_file.h"

#include "core/base/file.h"
#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/companions.h"
#include "core/output/output_folder.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

bool isPartOf(const fs::path& out, const fs::path& model) {
  std::error_code ignored;
  if (fs::equivalent(out, model, ignored)) return true;
  if (!fs::is_directory(model, ignored)) return false;
  const std::string name = out.lexically_relative(model).generic_string();
  return !name.starts_with("..") && (isWellKnownCompanion(name) || !weightsInDisguise(name).empty());
}

}  // namespace

Result<void> checkOutputFile(const fs::path& out, std::span<const fs::path> models) {
  std::error_code ignored;
  if (fs::is_regular_file(out, ignored))
    for (const auto& given : models) {
      const auto model = resolveModel(given.string());
      if (model && isPartOf(resolvedPath(out), resolvedPath(*model)))
        return fail(ErrorCode::InvalidArgument, at({out, {}, {}}, "is a file of the model " + printable(given.string())),
                    "name another output");
    }
  return AtomicFile::create(out).map([](const AtomicFile&) {});
}

}  // namespace deltascope
