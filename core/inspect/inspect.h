// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Looking inside: the per-tensor table of a payload or checkpoint, and close-ups of one tensor.
#include <map>

#include "core/payload/payload.h"
#include "core/rebuild/verify.h"
#include "core/source/locate.h"

namespace deltascope {

struct InspectTotals {
  std::uint64_t tensors = 0, elements = 0, finalBytes = 0, baseBytes = 0, storedBytes = 0, payloadFileBytes = 0, zeroDeltas = 0;
  std::uint64_t baseFileBytes = 0;  ///< of a packed model's own base: its files, headers counted; 0 for any other
  /// What the base takes: its files where they are the packed model's own, else what its tensors store. As pack counts it.
  [[nodiscard]] std::uint64_t wholeBaseBytes() const { return baseFileBytes ? baseFileBytes : baseBytes; }
  [[nodiscard]] double payloadBitsPerWeight() const;  ///< payload file bits / elements
  [[nodiscard]] double totalBitsPerWeight() const;    ///< (payload file + base) bits / elements
};

struct Inspection {
  ModelFiles files;
  std::vector<TensorStats> tensors;  ///< for a plain checkpoint: names, shapes, bytes; codec raw, stored = final bytes
  InspectTotals totals;
  std::map<std::string, std::string> facts;
  std::uint64_t companions = 0, companionBytes = 0;  ///< the final's files beside its weights, of a payload or packed model
  std::vector<Finding> findings;  ///< what is wrong with a payload of the scripts, as far as its frames' heads tell
};
/// Reads headers only: milliseconds, whatever the size. A payload of the scripts has a header a frame.
[[nodiscard]] Result<Inspection> inspect(const std::filesystem::path& path, const std::filesystem::path& base = {});

/// Whether `base` is the one that the payload at `path` was made over: kinds, shapes, and the hashes of all its tensors, or of
/// the smallest where that would take long. Mismatch says which base is wanted, by name and fingerprint, and what was given.
[[nodiscard]] Result<void> checkBase(const std::filesystem::path& path, const std::filesystem::path& base);

/// The table as CSV (RFC 4180, `.` decimals): name, shape, dtype, elements, sparsity, codec, base_bytes, stored_bytes,
/// bits_per_weight, ratio; layer (empty outside of layers), kind, base, patches, raw_tiles, chunks, the hashes of final and
/// base (empty where there are none), and the verdict: "not verified" of a tensor that `verdicts` lacks, empty without a delta;
/// then base_shape and base_name, where a tensor's base has another shape or name than the tensor.
[[nodiscard]] std::string toCsv(const std::vector<TensorStats>& tensors, const std::map<std::string, Verdict>& verdicts = {});

/// Where a tensor's stored bytes go.
struct StreamShare {
  std::string stream;  ///< "codes", "lane headers", "patches", "tile offsets", "low plane", "directory", "model" …
  std::uint64_t bytes = 0;
};

/// Layer, kind and position of a tensor by its name: "model.layers.3.self_attn.q_proj.weight" → 3, "q". Layer −1: not in a
/// layer.
struct TensorRole {
  int layer = -1;
  std::string kind;  ///< "q", "k", "v", "o", "gate", "up", "down", "norm", "embed", "head", or the last name part
};
[[nodiscard]] TensorRole tensorRole(std::string_view name);

/// Bins are powers of two wide, at multiples of their width, and hold all but a thousandth of the elements on either side.
struct Histogram {
  std::vector<std::int64_t> lower;  ///< lower edge of each bin (integer delta)
  std::vector<std::uint64_t> counts;
  std::int64_t binWidth = 1;
  std::uint64_t below = 0, above = 0;  ///< outside the shown range
};

struct DeltaMap {
  std::uint32_t rows = 0, columns = 0;  ///< of the down-sampled map
  std::uint64_t rowsPerCell = 1, columnsPerCell = 1;
  std::vector<float> meanMagnitude;  ///< mean |integer delta| of each cell, row-major; −1 where nothing was read
  std::vector<float> zeroShare;      ///< share of zero deltas of each cell; −1 where nothing was read
};

struct TensorCloseUp {
  Histogram histogram;
  DeltaMap map;
  std::vector<std::uint64_t> chunkBytes;
  std::vector<StreamShare> streams;
  std::uint64_t elementsRead = 0;  ///< less than the tensor's elements when it was sampled
};
/// Types that are not coded floats have no integer delta: their histogram and map are empty. Without a base tensor the delta is
/// taken to zero. Reconstructs the tensor (or, above `elementLimit`, evenly spaced chunks of it) and measures its delta. Needs
/// the base.
[[nodiscard]] Result<TensorCloseUp> closeUp(const std::filesystem::path& path, const std::filesystem::path& base,
                                            const std::string& tensor, std::uint64_t elementLimit, const JobContext& job);

}  // namespace deltascope
