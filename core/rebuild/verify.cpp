// SPDX-License-Identifier: Apache-2.0
#include "core/rebuild/verify.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>

#include "core/base/failure.h"
#include "core/codec/device_rebuilder.h"
#include "core/codec/statistics.h"
#include "core/rebuild/final_comparison.h"
#include "core/rebuild/reconstruct.h"
#include "core/rebuild/verdicts.h"
#include "core/rebuild/verify_scripts.h"
#include "kernels/backend.h"

namespace deltascope {
namespace {

Result<void> checkDevice(const std::string& device) {
  if (device == "cpu") return {};
  std::string reason = "no such device here";
  for (const auto& info : kernels::devices()) {
    if (info.id == device && info.usable) return {};
    if (info.id == device || info.id == "cuda") reason = info.reason;
  }
  return fail(ErrorCode::Unsupported, device + " cannot be used: " + reason, "use --device cpu");
}

/// A device that decodes what the threads have read together. What no device decodes, a plain copy, is left to the processor.
class DeviceChunks final : public ChunkDecoder {
 public:
  explicit DeviceChunks(std::shared_ptr<kernels::Backend> backend) : m_rebuilder(std::move(backend)) {}

  Result<void> decode(CodecId id, const BaseSlice& base, std::span<const std::byte> bytes, const ModelPtr& model,
                      std::uint32_t number, std::span<std::byte> final) override {
    if (!isCodedFloat(base.finalType)) return codec(id).decode(base, bytes, model.get(), final);
    DELTASCOPE_TRY(state());
    auto done = m_rebuilder.decode(id, base, bytes, model, number, final);
    if (!done && isFailure(done.error().code)) {
      std::lock_guard lock(m_mutex);
      m_failure = done.error();
    }
    return done;
  }

  /// Of the device itself: says nothing about the payload.
  [[nodiscard]] Result<void> state() {
    std::lock_guard lock(m_mutex);
    if (m_failure) return tl::make_unexpected(*m_failure);
    return {};
  }

 private:
  static bool isFailure(ErrorCode code) {
    return code == ErrorCode::Io || code == ErrorCode::OutOfMemory || code == ErrorCode::Internal;
  }
  DeviceRebuilder m_rebuilder;
  std::mutex m_mutex;
  std::optional<Error> m_failure;  ///< under the mutex
};

Result<std::unique_ptr<DeviceChunks>> openDecoder(const VerifyRequest& request, const JobContext& job) {
  if (request.device == "cpu") return std::unique_ptr<DeviceChunks>();
  kernels::BackendOptions options;
  options.device = request.device;
  options.threads = job.threads;
  DELTASCOPE_ASSIGN(auto backend, fromBackend(kernels::openBackend(options)));
  return std::make_unique<DeviceChunks>(std::move(backend));
}

Verdict verdictOf(const TensorStats& tensor, std::size_t index, const RebuiltTensor& rebuilt,
                  const FinalComparison* comparison) {
  Verdict verdict;
  verdict.tensor = tensor.name;
  verdict.elements = tensor.elements;
  if (rebuilt.problem) verdict.problem = describe(*rebuilt.problem);
  if (comparison) {
    const Difference& difference = comparison->difference(index);
    verdict.different = difference.count;
    verdict.firstDifference = difference.first;
    if (verdict.problem.empty()) verdict.problem = comparison->obstacle(index, tensor);
    if (verdict.problem.empty() && difference.count)
      verdict.problem = "the reconstruction has the stored hash: " + comparison->final().path().string() + " is another final";
  }
  verdict.bitExact = verdict.problem.empty();
  return verdict;
}

}  // namespace

Result<VerifyResult> verify(const VerifyRequest& request, const JobContext& job) {
  const auto start = std::chrono::steady_clock::now();
  DELTASCOPE_TRY(checkDevice(request.device));
  DELTASCOPE_ASSIGN(const ModelFiles files, locateModel(request.path, request.base));
  if (files.kind == ModelFiles::Kind::Scripts) return verifyScripts(files, request, "verifying", job);
  DELTASCOPE_ASSIGN(const auto decoder, openDecoder(request, job));
  DELTASCOPE_ASSIGN(const ReconstructionSource source, openForReconstruction(request.path, request.base));
  const auto& tensors = source.payload.tensors();
  std::optional<FinalComparison> comparison;
  if (!request.final.empty()) {
    DELTASCOPE_ASSIGN(Checkpoint final, Checkpoint::open(request.final));
    comparison.emplace(std::move(final), tensors);
  }
  const FinalComparison* found = comparison ? &*comparison : nullptr;

  VerifyResult result;
  result.bitExact = true;
  ReconstructionHooks hooks;
  hooks.decoder = decoder.get();
  hooks.checkCounts = true;
  if (comparison)
    hooks.onRange = [&](std::size_t index, std::uint64_t first, std::span<const std::byte> final) {
      return comparison->compare(index, first, final);
    };
  hooks.onTensor = [&](std::size_t index, RebuiltTensor&& rebuilt) -> Result<void> {
    if (decoder) DELTASCOPE_TRY(decoder->state());
    addVerdict(result, verdictOf(tensors[index], index, rebuilt, found), rebuilt.elements, request);
    return {};
  };
  DELTASCOPE_TRY(reconstruct(source, "verifying", job, hooks));
  for (const auto& companion : source.payload.companions())
    if (const auto read = source.payload.readCompanion(companion); !read)
      addVerdict(result, {companion.path, false, 0, 0, std::nullopt, describe(read.error())}, 0, request);
  if (comparison)
    for (const auto& info : comparison->final().tensors())
      if (!source.payload.find(info.name))
        addVerdict(result, {info.name, false, info.elements, 0, std::nullopt, "in the final, but not in the payload"}, 0,
                   request);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace deltascope
