// SPDX-License-Identifier: Apache-2.0
#include "core/pack/pack.h"

#include "core/base/units.h"
#include "core/pack/companions.h"
#include "core/pack/request.h"
#include "core/payload/writer.h"

namespace deltascope {
namespace {

constexpr unsigned kSampleTiles = 16;
constexpr std::uint64_t kDirectoryEntry = 16;
constexpr std::uint64_t kHeaderPerTensor = 130;                     // a row of the manifest; measured on Llama's names
constexpr std::uint64_t kHeaderPerStream = 190;                     // the rest of a coded row, and the stream's entry
constexpr std::uint64_t kHeaderPerCompanion = 190;                  // the list's entry, and the stream's
constexpr std::uint64_t kCompressedHere = std::uint64_t{64} << 20;  // larger companions count as they are

TensorStats estimatedRow(const PackTensor& tensor, const TensorPlan& plan) {
  TensorStats row = tensor.stats;
  row.estimate = plan.estimate;
  row.forced = plan.forced;
  row.model = plan.model;
  row.codec = plan.same == Sameness::Yes ? CodecId::Identical : plan.codec;
  if (row.codec == CodecId::Identical) return row;
  row.chunkElements = plan.chunkElements;
  row.chunkCount = ceilDiv(row.elements, row.chunkElements);
  row.storedBytes = plan.estimatedBytes + row.chunkCount * kDirectoryEntry;
  return row;
}

/// A packed model keeps them beside its payload.
Result<void> addCompanions(const PackSources& sources, const JobContext& job, PackEstimate& estimate) {
  DELTASCOPE_ASSIGN(const PackCompanions companions, companionsOf(sources));
  for (const auto& file : companions.files) {
    if (job.stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    estimate.companionBytes += kHeaderPerCompanion;
    if (file.bytes > kCompressedHere) {
      estimate.companionBytes += file.bytes;
      continue;
    }
    DELTASCOPE_ASSIGN(const auto content, read(file));
    estimate.companionBytes += companionStreamBytes(content);
  }
  estimate.payloadBytes += estimate.companionBytes;
  estimate.leftOut = companions.leftOut;
  return {};
}

}  // namespace

Result<PackEstimate> estimatePack(const PackRequest& request, const JobContext& job) {
  Meter meter(job);
  DELTASCOPE_TRY(checkPackRequest(request));
  DELTASCOPE_ASSIGN(const PackSources sources, PackSources::open(request));
  meter.setTotals(finalBytesOf(sources), sources.tensors().size());
  meter.phase("sampling");
  DELTASCOPE_ASSIGN(const PackPlan plan, planPack(sources, kSampleTiles, {}, job, meter));
  DELTASCOPE_TRY(checkForcedCodec(sources, plan));
  PackEstimate estimate;
  std::vector<std::uint64_t> users(plan.models.size(), 0);
  for (std::size_t i = 0; i < plan.tensors.size(); ++i) {
    TensorStats row = estimatedRow(sources.tensors()[i], plan.tensors[i]);
    ++estimate.tensors;
    estimate.elements += row.elements;
    estimate.finalBytes += row.finalBytes;
    estimate.payloadBytes += kHeaderPerTensor + (row.codec == CodecId::Identical ? 0 : kHeaderPerStream) + row.storedBytes;
    if (row.model >= 0) ++users[static_cast<std::size_t>(row.model)];
    estimate.rows.push_back(std::move(row));
  }
  estimate.baseBytes = baseBytesOf(estimate.rows);
  estimate.notes = sources.notes();
  for (const auto& model : plan.models) estimate.payloadBytes += model.bytes;
  if (!request.quantize) DELTASCOPE_TRY(addCompanions(sources, job, estimate));
  for (auto& row : estimate.rows)
    if (row.model >= 0)
      row.storedBytes += plan.models[static_cast<std::size_t>(row.model)].bytes / users[static_cast<std::size_t>(row.model)];
  meter.finish();
  return estimate;
}

}  // namespace deltascope
