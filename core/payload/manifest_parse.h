// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The parts of reading a manifest. Internal to core/payload.
#include <nlohmann/json_fwd.hpp>

#include "core/payload/manifest.h"

namespace deltascope {

/// Which file is read, and by which version's rules.
struct ManifestPlace {
  const std::filesystem::path& path;
  int version = 0;
  [[nodiscard]] tl::unexpected<Error> corrupt(std::string_view tensor, std::string_view what) const;
  /// Valid as far as can be told, but made by a program that knows more.
  [[nodiscard]] tl::unexpected<Error> newer(std::string_view tensor, std::string_view what) const;
};

[[nodiscard]] std::optional<Hash128> readHash(const std::string& text);  ///< 32 lower-case digits
[[nodiscard]] Result<std::vector<TensorStats>> readRows(const ManifestPlace& context, const nlohmann::json& rows);

}  // namespace deltascope
