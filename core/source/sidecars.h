// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The files that a job writes beside weights, wherever their bytes come from.
#include <optional>
#include <span>

#include "core/checkpoint/companions.h"
#include "core/payload/payload.h"

namespace deltascope {

struct Sidecar {
  std::string name;  ///< relative, with slashes; leads nowhere out of the folder
  std::uint64_t bytes = 0;
  std::filesystem::path file;        ///< to be copied, unless one of the two below is set
  std::optional<std::string> text;   ///< to be written instead
  const Payload* payload = nullptr;  ///< that carries it as the companion `name`
};
[[nodiscard]] Sidecar sidecarOf(const CompanionFile& file);
[[nodiscard]] Sidecar sidecarOf(std::string name, std::string text);
[[nodiscard]] std::vector<Sidecar> sidecarsOf(const Payload& payload);

/// The whole file, of sidecar.bytes. Mismatch when a file changed its size since it was listed.
[[nodiscard]] Result<std::vector<std::byte>> read(const Sidecar& sidecar);
/// Into a new folder that nobody else writes to; folders in it are made.
[[nodiscard]] Result<void> write(std::span<const Sidecar> sidecars, const std::filesystem::path& folder);
/// Whether they lie in `folder` as they should: by their sizes, or with `everything` byte for byte.
[[nodiscard]] Result<void> check(std::span<const Sidecar> sidecars, const std::filesystem::path& folder, bool everything);

[[nodiscard]] std::uint64_t bytesOf(std::span<const Sidecar> sidecars);
[[nodiscard]] std::vector<std::string> namesOf(std::span<const Sidecar> sidecars);

}  // namespace deltascope
