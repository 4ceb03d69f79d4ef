// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Writes a payload in one pass: streams are appended as they come, the header is filled in last, in space reserved for the
/// worst case.
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/base/file.h"
#include "core/payload/manifest.h"

namespace deltascope {

/// What is known before the first byte is written. `manifest.tensors` are in natural order of names; of each, all must be set
/// but zeroDeltas, patches, rawTiles, the hashes and the sizes; a tensor planned as identical stays so. Of
/// `manifest.companions`, path and bytes.
struct PayloadPlan {
  Manifest manifest;
  std::vector<std::uint64_t> streamBounds;  ///< for each tensor: bytes its chunks cannot exceed
  std::vector<std::uint64_t> modelBytes;    ///< serialized size of each model; TensorStats::model is an index into them
};

/// What a companion of these bytes takes in a payload, its header aside: it is compressed to know.
[[nodiscard]] std::uint64_t companionStreamBytes(std::span<const std::byte> bytes);

/// Tensors are written one after another in the plan's order. Memory: one tensor's chunk directory. Threads: one at a time.
/// What was not committed is removed by the destructor.
class PayloadWriter {
 public:
  /// Creates the temporary file. InvalidArgument: a reserved, repeated or non-UTF-8 name of a tensor, or a
  /// companion's that isCompanionPath refuses, that clashes with another or a shard, or that is too large.
  [[nodiscard]] static Result<PayloadWriter> create(const std::filesystem::path& path, PayloadPlan plan);

  /// Appends model `index`, of the size the plan gave; before or between tensors, each once.
  [[nodiscard]] Result<void> writeModel(std::size_t index, std::span<const std::byte> bytes);
  /// Appends companion `index` of the plan, whole, of the size the plan gave; before or between tensors, each once. It is
  /// compressed where that makes it smaller.
  [[nodiscard]] Result<void> writeCompanion(std::size_t index, std::span<const std::byte> bytes);
  /// Appends the next chunk of tensor `index`; chunks come in order, tensors in ascending order.
  [[nodiscard]] Result<void> appendChunk(std::size_t index, std::span<const std::byte> bytes);
  /// All chunks were appended: writes the directory and takes over what was counted. Identical tensors have no chunks.
  [[nodiscard]] Result<void> finishTensor(std::size_t index, const TensorStats& stats);
  /// Writes the header and puts the file in its place. All models and companions must be written and all tensors
  /// finished.
  [[nodiscard]] Result<void> commit();

  [[nodiscard]] std::uint64_t fileSize() const { return m_position; }
  [[nodiscard]] std::uint64_t headerBytes() const { return m_headerSpace; }

 private:
  explicit PayloadWriter(AtomicFile file) : m_file(std::move(file)) {}
  Result<void> openStream(std::size_t index);
  Result<void> writeWhole(std::string name, std::span<const std::byte> bytes);

  AtomicFile m_file;
  PayloadPlan m_plan;
  std::vector<StreamRange> m_streams;
  std::vector<std::uint64_t> m_directory;  ///< pairs: end in the stream, checksum
  std::uint64_t m_headerSpace = 0;         ///< with the 8 bytes of its length
  std::uint64_t m_position = 0;            ///< end of the file so far
  std::uint64_t m_streamStart = 0;
  std::size_t m_models = 0;  ///< written
  std::size_t m_companions = 0;
  std::size_t m_next = 0;  ///< tensor being written
  bool m_streamOpen = false;
};

}  // namespace deltascope
