// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Where unpacked tensors go: the final's own shards, index and companions in a folder, or one file. Nothing is visible before
/// commit().
#include <optional>
#include <span>

#include "core/checkpoint/safetensors.h"
#include "core/output/output_folder.h"
#include "core/output/staged_file.h"
#include "core/rebuild/unpack.h"
#include "core/rebuild/unpack_companions.h"

namespace deltascope {

class UnpackOutput {
 public:
  /// Reserves the disk space. InvalidArgument when the output exists and may not be replaced: without `overwrite`, when it is
  /// one of the inputs, or when it holds anything but a model's files. Corrupt when a companion would lie on the weights. No
  /// `companions` are written beside a single file; they must outlive the output.
  [[nodiscard]] static Result<UnpackOutput> create(const ReconstructionSource& source, const std::vector<Sidecar>& companions,
                                                   const UnpackRequest& request);

  /// Threads: may be called concurrently on disjoint ranges.
  [[nodiscard]] Result<void> write(std::size_t index, const TensorStats& tensor, std::uint64_t first,
                                   std::span<const std::byte> final);
  /// Writes what is left and finishes every file where it is being made.
  [[nodiscard]] Result<void> finish(const JobContext& job);
  /// What was made, in its hidden place: a folder or a file.
  [[nodiscard]] std::filesystem::path made() const { return m_folder ? m_folder->path() : m_file->path(); }
  [[nodiscard]] bool isFolder() const { return m_folder.has_value(); }
  /// After finish: gives it its name.
  [[nodiscard]] Result<void> commit() { return m_folder ? m_folder->commit() : m_file->commit(); }
  /// Errors name files where they will be, not where they are being made.
  [[nodiscard]] Error shown(Error error) const;

 private:
  UnpackOutput() = default;
  Result<void> openShards(const Payload& payload);
  Result<void> checkCompanions() const;
  Result<void> writeIndex() const;
  [[nodiscard]] std::string indexName() const;

  std::optional<OutputFolder> m_folder;
  std::optional<StagedFile> m_file;  ///< when one file is written
  std::vector<Sidecar> m_companions;
  std::vector<SafetensorsWriter> m_shards;
  std::vector<std::string> m_shardNames;
  std::vector<std::size_t> m_shardOf;  ///< by tensor
  std::vector<std::string> m_names;    ///< by tensor
  std::uint64_t m_bytes = 0;
  std::string m_indexMetadata;  ///< JSON; empty where the final's is not known
};

}  // namespace deltascope
