// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Where unpacked tensors go: the final's own shards and index in a folder, or one file. Nothing is visible before commit().
#include <optional>
#include <span>

#include "core/base/file.h"
#include "core/checkpoint/safetensors.h"
#include "core/pipeline/reconstruct.h"

namespace deltascope {

class UnpackOutput {
 public:
  /// Reserves the disk space. InvalidArgument when the output exists and may not be replaced: without `overwrite`, when it is
  /// one of the inputs, or when it holds anything but a model's files.
  [[nodiscard]] static Result<UnpackOutput> create(const ReconstructionSource& source, const UnpackRequest& request);

  /// Threads: may be called concurrently on disjoint ranges.
  [[nodiscard]] Result<void> write(std::size_t index, const TensorStats& tensor, std::uint64_t first,
                                   std::span<const std::byte> final);
  /// Copies what belongs to the final beside its weights into the folder; nothing when one file is written.
  [[nodiscard]] Result<void> copyCompanions(const ReconstructionSource& source) const;
  [[nodiscard]] Result<void> commit(const JobContext& job);

 private:
  UnpackOutput() = default;
  Result<void> openShards(const ReconstructionSource& source);
  Result<void> writeIndex() const;
  [[nodiscard]] Error shown(Error error) const;

  std::filesystem::path m_destination;
  std::optional<AtomicFolder> m_folder;  ///< empty when one file is written
  bool m_replace = false;
  std::vector<SafetensorsWriter> m_shards;
  std::vector<std::string> m_shardNames;
  std::vector<std::size_t> m_shardOf;  ///< by tensor
  std::vector<std::string> m_names;    ///< by tensor
  std::uint64_t m_bytes = 0;
};

/// Configuration, tokenizer, licence: the packed model's or the base's, into `folder`. The final's own configuration where the
/// packed model kept it, else the base's without its quantization.
[[nodiscard]] Result<void> copyCompanionFiles(const ReconstructionSource& source, const std::filesystem::path& folder);

}  // namespace deltascope
