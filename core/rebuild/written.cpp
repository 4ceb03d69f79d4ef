// SPDX-License-Identifier: Apache-2.0
#include "core/rebuild/written.h"

#include "core/base/meter.h"
#include "core/base/ordered.h"
#include "core/checkpoint/checkpoint.h"
#include "core/rebuild/reconstruct.h"
#include "core/rebuild/transposed.h"

namespace deltascope {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kReadBytes = std::size_t{4} << 20;
constexpr const char* kKept = "nothing was kept; the disk or the memory may be at fault: try again, on another disk";

tl::unexpected<Error> notWhatWasWritten(const fs::path& file, const std::string& tensor, const std::string& what) {
  return fail(ErrorCode::Mismatch, at({file, tensor, {}}, "read again, " + what), kKept);
}

/// Of a transposed tensor, the hash of the transpose.
Result<Hash128> hashOf(const Checkpoint& checkpoint, const TensorInfo& info, bool isTransposed, const std::stop_token& stop) {
  const auto read = [&](std::uint64_t begin, std::span<std::byte> into) { return checkpoint.read(info, begin, into); };
  const unsigned size = isTransposed ? bytesOf(info.dtype) : 1;
  Hasher128 hasher;
  std::vector<std::byte> piece(static_cast<std::size_t>(std::min<std::uint64_t>(info.bytes, kReadBytes)));
  for (std::uint64_t done = 0; done < info.bytes; done += piece.size()) {
    if (stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    piece.resize(static_cast<std::size_t>(std::min<std::uint64_t>(info.bytes - done, kReadBytes)));
    DELTASCOPE_TRY(isTransposed ? readTransposed(info.shape, size, done / size, piece, read) : read(done, piece));
    hasher.update(piece);
  }
  return hasher.digest();
}

Result<void> checkHashes(const Checkpoint& checkpoint, const Payload& payload, const JobContext& job) {
  const auto& tensors = payload.tensors();
  Meter meter(job);
  meter.setTotals(checkpoint.totalBytes(), tensors.size());
  meter.phase("reading back");
  const auto work = [&](std::size_t i) {
    return hashOf(checkpoint, *checkpoint.find(tensors[i].name), tensors[i].transposed, job.stop);
  };
  const auto compare = [&](std::size_t i, Hash128&& hash) -> Result<void> {
    const TensorInfo& info = *checkpoint.find(tensors[i].name);
    if (hash != tensors[i].finalHash)
      return notWhatWasWritten(checkpoint.fileOf(info), info.name, "its bytes are not those that were written");
    meter.add(info.name, info.bytes, true);
    return {};
  };
  DELTASCOPE_TRY(runOrdered<Hash128>(tensors.size(), job.threadCount(), 2 * job.threadCount(), job.stop, work, compare));
  meter.finish();
  return {};
}

}  // namespace

Result<void> checkPayloadOpens(const fs::path& path, const fs::path& base) {
  DELTASCOPE_ASSIGN(const ReconstructionSource source, openForReconstruction(path, base));
  for (const auto& tensor : source.payload.tensors()) {
    DELTASCOPE_ASSIGN(const auto chunks, source.payload.chunks(tensor));
    DELTASCOPE_ASSIGN(const ModelPtr model, source.payload.model(tensor));
    if (chunks.size() != tensor.chunkCount)
      return notWhatWasWritten(path, tensor.name, "it has " + std::to_string(chunks.size()) + " chunks");
  }
  for (const auto& companion : source.payload.companions()) {
    DELTASCOPE_ASSIGN(const auto content, source.payload.readCompanion(companion));
  }
  return {};
}

Result<void> checkPayloadRebuilds(const VerifyRequest& request, const JobContext& job) {
  DELTASCOPE_ASSIGN(const VerifyResult result, verify(request, job));
  for (const auto& verdict : result.verdicts)
    if (!verdict.bitExact)
      return notWhatWasWritten(request.path, verdict.tensor, verdict.problem.empty() ? verdictText(verdict) : verdict.problem);
  return {};
}

Result<void> checkCheckpoint(const fs::path& path, const Payload& payload, bool everything, const JobContext& job) {
  DELTASCOPE_ASSIGN(const Checkpoint checkpoint, Checkpoint::open(path));
  const auto& tensors = payload.tensors();
  for (const auto& tensor : tensors) {
    const TensorInfo* info = checkpoint.find(tensor.name);
    if (!info || info->dtype != tensor.dtype || info->shape != tensor.shapeOfFinal())
      return notWhatWasWritten(info ? checkpoint.fileOf(*info) : path, tensor.name,
                               info ? "it has another type or shape" : "it is not there");
  }
  if (checkpoint.tensors().size() != tensors.size())
    return notWhatWasWritten(path, {},
                             "it holds " + std::to_string(checkpoint.tensors().size()) + " tensors, " +
                                 std::to_string(tensors.size()) + " were written");
  return everything ? checkHashes(checkpoint, payload, job) : Result<void>{};
}

}  // namespace deltascope
