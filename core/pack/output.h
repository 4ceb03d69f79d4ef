// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Where pack writes: one payload file, or the folder of a packed model. Nothing is visible before commit().
#include <optional>
#include <vector>

#include "core/output/output_folder.h"
#include "core/output/staged_file.h"
#include "core/pack/companions.h"
#include "core/pack/sources.h"
#include "core/payload/writer.h"

namespace deltascope {

/// Refuses an output that lies in an input or holds one, and none at all.
[[nodiscard]] Result<void> checkApart(const std::filesystem::path& out, std::span<const std::filesystem::path> inputs);
/// Refuses a payload file that exists (unless it may be replaced) or has a name that no reader would take for one.
[[nodiscard]] Result<void> checkPayloadFile(const std::filesystem::path& out, bool overwrite);
/// Refuses early what could not be written at the end: an output that exists (unless it may be replaced), lies in an input or
/// holds one, or has a name that no reader would take for a payload.
[[nodiscard]] Result<void> checkPackOutput(const PackSources& sources, const PackCompanions& companions);

class PackOutput {
 public:
  /// Opens the files and reserves the space of those whose size is known. `companions` go into the payload, or beside the base
  /// of a packed model; they must outlive the output.
  [[nodiscard]] static Result<PackOutput> create(const PackSources& sources, const PackCompanions& companions,
                                                 PayloadPlan plan);

  /// Bytes of a tensor of the new base. Threads: may be called concurrently on disjoint ranges.
  [[nodiscard]] Result<void> writeBase(std::size_t tensor, std::string_view name, std::uint64_t begin,
                                       std::span<const std::byte> bytes);
  [[nodiscard]] PayloadWriter& payload() { return *m_payload; }

  /// Writes what is left, index and companions, and finishes every file where it is being made.
  [[nodiscard]] Result<void> finish(const PackSources& sources, std::stop_token stop);
  /// What was made, in its hidden place: a folder or a file.
  [[nodiscard]] std::filesystem::path made() const { return m_folder ? m_folder->path() : m_file->path(); }
  /// Whether the companions of a packed model lie there; with `everything`, byte for byte.
  [[nodiscard]] Result<void> checkCompanions(bool everything) const;
  /// After finish: gives it its name.
  [[nodiscard]] Result<void> commit();

  [[nodiscard]] const std::filesystem::path& destination() const { return m_destination; }
  [[nodiscard]] std::filesystem::path payloadPath() const;  ///< final name
  [[nodiscard]] std::uint64_t baseFileBytes() const;        ///< of the new base's files; 0 where none is written
  [[nodiscard]] std::uint64_t payloadFileBytes() const { return m_payload->fileSize(); }
  /// Errors name files where they will be, not where they are being made.
  [[nodiscard]] Error shown(Error error) const;

 private:
  PackOutput() = default;
  Result<void> openBase(const PackSources& sources);
  Result<void> writeIndex(const PackSources& sources) const;
  Result<void> chooseSidecars(const PackSources& sources);

  std::filesystem::path m_destination;
  std::optional<OutputFolder> m_folder;  ///< of a packed model
  std::optional<StagedFile> m_file;      ///< else
  std::vector<Sidecar> m_sidecars;       ///< of a packed model
  std::vector<SafetensorsWriter> m_base;
  std::vector<std::string> m_baseNames;
  std::vector<std::size_t> m_fileOf;  ///< by tensor: which of m_base holds it
  std::optional<PayloadWriter> m_payload;
};

}  // namespace deltascope
