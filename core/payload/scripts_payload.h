// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The payload of the scripts that this project grew from: a pickle of dict[tensor → {"total_deltas": int, "comp_indices_list":
/// list[bytes], "comp_values_list": list[bytes]}]. A chunk is one zstd frame of int64 positions (ascending over the whole
/// tensor, flattened row-major) and one of as many FP32 values, final − base; the scripts wrote 64. Opened as data, see
/// pickle.h.
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/file.h"

namespace deltascope {

/// Something about a file that is not as it should be, though the file can be read: for people.
struct Finding {
  std::string tensor;  ///< empty: the file as a whole
  std::string text;    ///< "chunks 0 to 63: the frames are empty"
};
[[nodiscard]] std::string describe(const Finding& finding);  ///< "tensor: text"

/// What befell chunks of one tensor; neighbours of the same fate are told together.
class ChunkFates {
 public:
  void add(std::uint64_t chunk, std::string text);
  [[nodiscard]] bool empty() const { return m_runs.empty(); }
  [[nodiscard]] std::vector<Finding> findings(const std::string& tensor) const;

 private:
  struct Run {
    std::uint64_t first, last;
    std::string text;
  };
  std::vector<Run> m_runs;
};

/// A compressed frame, where it lies in the file; empty ones occurred.
struct ScriptsFrame {
  std::uint64_t offset = 0, bytes = 0;
};

struct ScriptsTensor {
  std::string name;
  std::uint64_t totalDeltas = 0;  ///< as the file says
  std::vector<ScriptsFrame> positions, values;

  [[nodiscard]] std::size_t chunks() const;  ///< those that have both frames, empty or not
  [[nodiscard]] std::uint64_t storedBytes() const;
};

/// Threads: const members may be called concurrently. Untrusted bytes: all frames lie inside the file; what is in them is found
/// out by ScriptsPairs.
class ScriptsPayload {
 public:
  [[nodiscard]] static Result<ScriptsPayload> open(const std::filesystem::path& path);
  [[nodiscard]] const std::filesystem::path& path() const { return m_file.path(); }
  [[nodiscard]] std::uint64_t fileSize() const { return m_file.size(); }
  [[nodiscard]] const std::vector<ScriptsTensor>& tensors() const { return m_tensors; }  ///< natural order of names
  [[nodiscard]] const ScriptsTensor* find(std::string_view name) const;
  /// What is wrong with a tensor as far as lists and the heads of frames tell: lists of different lengths, empty frames, what
  /// is no zstd frame, numbers of positions and values that do not agree. Reads 18 bytes a frame.
  [[nodiscard]] Result<std::vector<Finding>> check(const ScriptsTensor& tensor) const;

 private:
  friend class ScriptsPairs;
  explicit ScriptsPayload(RandomAccessFile file) : m_file(std::move(file)) {}
  RandomAccessFile m_file;
  std::vector<ScriptsTensor> m_tensors;
};

/// The pairs of one chunk, inflated piece by piece. Memory: two zstd windows of at most 128 MiB, as the frames ask for, and
/// two buffers of 64 KiB. Threads: one.
class ScriptsPairs {
 public:
  ScriptsPairs(const ScriptsPayload& payload, const ScriptsTensor& tensor, std::size_t chunk);
  ~ScriptsPairs();
  ScriptsPairs(ScriptsPairs&&) noexcept;
  ScriptsPairs& operator=(ScriptsPairs&&) noexcept;
  /// Fills the spans, which are of one size, from their fronts, and says how many pairs came: fewer only at the chunk's end.
  /// Corrupt: an empty or damaged frame, or not as many values as positions; the message does not name file and tensor.
  [[nodiscard]] Result<std::size_t> next(std::span<std::int64_t> positions, std::span<float> values);

 private:
  struct Stream;
  std::unique_ptr<Stream> m_positions, m_values;
};

}  // namespace deltascope
