// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Rebuilding every tensor of a payload from its base: the common part of verifying and unpacking.
#include <functional>
#include <optional>
#include <span>

#include "core/base/job.h"
#include "core/payload/payload.h"
#include "core/source/base_model.h"
#include "core/source/locate.h"

namespace deltascope {

/// A payload with the base it needs, both opened; no base when no tensor has one.
struct ReconstructionSource {
  ModelFiles files;
  Payload payload;
  std::optional<BaseModel> base;
};
/// Headers only. Mismatch, naming the tensor, when a base tensor is missing or has another kind, shape or size than the payload
/// was made over; NotFound, with what to do, when the base is not given.
[[nodiscard]] Result<ReconstructionSource> openForReconstruction(const std::filesystem::path& path,
                                                                 const std::filesystem::path& base);

/// The base's file that holds the tensor, for messages; the base itself for a tensor it lacks.
[[nodiscard]] std::filesystem::path baseFileOf(const ReconstructionSource& source, std::string_view tensor);

/// The base's side of elements [chunk.first, + chunk.elements); of a tensor without a base only the range is set.
[[nodiscard]] Result<void> readBase(const ReconstructionSource& source, const TensorStats& tensor, const ChunkInfo& chunk,
                                    bool withValues, SliceBuffer& into);

/// Rebuilds chunks elsewhere than the codecs do. Called from several threads.
class ChunkDecoder {
 public:
  virtual ~ChunkDecoder() = default;
  /// What codec(id).decode() promises; needs no values of quantized bases. `number`: of the chunk, for messages.
  [[nodiscard]] virtual Result<void> decode(CodecId id, const BaseSlice& base, std::span<const std::byte> bytes,
                                            const ModelPtr& model, std::uint32_t number, std::span<std::byte> final) = 0;
};

/// The final's elements of that range, from the base and the chunk's bytes (none for identical and empty tensors). Untrusted
/// bytes: what a chunk claims to hold is bounded before memory is taken. `decoder`: null for the codecs themselves.
[[nodiscard]] Result<void> decodeChunk(const ReconstructionSource& source, const TensorStats& tensor, const ChunkInfo& chunk,
                                       std::span<const std::byte> bytes, const BaseSlice& base, std::vector<std::byte>& into,
                                       ChunkDecoder* decoder = nullptr);

/// How one tensor went. Without a problem its bytes have the stored hash.
struct RebuiltTensor {
  std::uint64_t elements = 0;    ///< rebuilt; fewer than the tensor's when some chunks could not be
  std::optional<Error> problem;  ///< the first: a damaged chunk or model, an unreadable base, another hash than the stored one
};

struct ReconstructionHooks {
  ChunkDecoder* decoder = nullptr;  ///< null: the codecs themselves
  bool checkCounts = false;         ///< of unchanged elements, patches and raw tiles, as the payload gives them
  /// Elements from `first` of tensor `index` (in payload.tensors()), rebuilt. Called on worker threads, concurrently, in no
  /// particular order; what is wrong with the tensor as a whole is not known yet. An error stops the job.
  std::function<Result<void>(std::size_t index, std::uint64_t first, std::span<const std::byte> final)> onRange;
  /// Called on the calling thread, in the payload's order. An error stops the job.
  std::function<Result<void>(std::size_t index, RebuiltTensor&& tensor)> onTensor;
};

/// Chunks of all tensors in parallel; hashes of base and final in order. A damaged tensor does not stop the others; a base
/// tensor whose stored bytes have another hash than the payload's does (Mismatch), and a part that only newer programs read
/// (Unsupported). Memory: a few chunks a thread.
[[nodiscard]] Result<void> reconstruct(const ReconstructionSource& source, const char* phase, const JobContext& job,
                                       const ReconstructionHooks& hooks);

}  // namespace deltascope
