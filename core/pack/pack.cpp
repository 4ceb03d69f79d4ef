// SPDX-License-Identifier: Apache-2.0
#include "core/pack/pack.h"

#include "core/base/units.h"
#include "core/pack/config.h"

#include "core/pack/request.h"
#include "core/pack/shards.h"
#include "core/pack/work.h"
#include "core/rebuild/written.h"
#include "core/source/layout.h"

namespace deltascope {
namespace {

constexpr unsigned kSampleTiles = 64;
constexpr std::size_t kLeftOutNames = 50;  ///< that a payload tells of

PayloadPlan payloadPlan(const PackSources& sources, const PackPlan& plan, const PackCompanions& companions) {
  PayloadPlan payload;
  payload.manifest.facts = factsOf(sources);
  if (!companions.leftOut.empty()) payload.manifest.facts[kLeftOutFact] = describeLeftOut(companions.leftOut, kLeftOutNames);
  payload.manifest.shards = shardsOf(sources);
  payload.manifest.headers = headersOf(sources, payload.manifest.shards);
  for (std::size_t i = 0; i < plan.tensors.size(); ++i) {
    const auto& tensor = plan.tensors[i];
    TensorStats row = sources.tensors()[i].stats;
    row.codec = tensor.same == Sameness::Yes ? CodecId::Identical : tensor.codec;
    row.estimate = tensor.estimate;
    row.forced = tensor.forced;
    row.model = tensor.model;
    row.chunkElements = tensor.chunkElements;
    std::uint64_t bound = 0;
    if (row.codec != CodecId::Identical && row.elements > 0) {
      const std::uint64_t count = ceilDiv(row.elements, row.chunkElements),
                          last = row.elements - (count - 1) * row.chunkElements;
      const auto chunk = [&](std::uint64_t elements) {
        return roundUp(codec(row.codec).bound(row.dtype, static_cast<std::size_t>(elements)), 16);
      };
      bound = (count - 1) * chunk(row.chunkElements) + chunk(last);
    }
    payload.manifest.tensors.push_back(std::move(row));
    payload.streamBounds.push_back(bound);
  }
  for (const auto& model : plan.models) payload.modelBytes.push_back(model.bytes);
  return payload;
}

double bitsPerWeight(std::uint64_t bytes, std::uint64_t elements) {
  return elements > 0 ? 8 * static_cast<double>(bytes) / static_cast<double>(elements) : 0;
}

PackResult summarize(const std::vector<TensorStats>& rows, const PackOutput& output, const Meter& meter) {
  PackResult result;
  result.out = output.destination();
  result.payload = output.payloadPath();
  std::uint64_t zeroDeltas = 0;
  for (const auto& row : rows) {
    ++result.tensors;
    result.elements += row.elements;
    result.finalBytes += row.finalBytes;
    zeroDeltas += row.zeroDeltas;
  }
  result.baseBytes = output.baseFileBytes() > 0 ? output.baseFileBytes() : baseBytesOf(rows);
  result.payloadBytes = output.payloadFileBytes();
  result.payloadBitsPerWeight = bitsPerWeight(result.payloadBytes, result.elements);
  result.totalBitsPerWeight = bitsPerWeight(result.payloadBytes + result.baseBytes, result.elements);
  result.sparsity = result.elements > 0 ? static_cast<double>(zeroDeltas) / static_cast<double>(result.elements) : 1;
  result.seconds = meter.seconds();
  result.peakRssBytes = residentMemory().peak;
  return result;
}

/// What is to get its name must open, and with `verify` give the final back.
Result<void> checkOutput(const PackSources& sources, const PackOutput& output, const JobContext& job) {
  const auto& request = sources.request();
  DELTASCOPE_TRY(output.checkCompanions(request.verify));
  DELTASCOPE_TRY(checkPayloadOpens(output.made(), request.base));
  if (!request.verify) return {};
  VerifyRequest check;
  check.path = output.made();
  check.base = request.base;
  check.final = request.final;
  return checkPayloadRebuilds(check, job);
}

}  // namespace

Result<PackResult> pack(const PackRequest& request, const JobContext& job) {
  Meter meter(job);
  DELTASCOPE_TRY(checkPackRequest(request));
  DELTASCOPE_ASSIGN(const PackSources sources, PackSources::open(request));
  DELTASCOPE_ASSIGN(const PackCompanions companions, companionsOf(sources));
  DELTASCOPE_TRY(checkPackOutput(sources, companions));
  meter.setTotals(finalBytesOf(sources), sources.tensors().size());
  meter.phase("sampling");
  TermsCache terms(sources);
  const CompareWhole compare = [&](PackPlan& plan) { return compareWholes(sources, plan, terms, job, meter); };
  DELTASCOPE_ASSIGN(const PackPlan plan, planPack(sources, kSampleTiles, compare, job, meter));
  DELTASCOPE_TRY(checkForcedCodec(sources, plan));
  DELTASCOPE_ASSIGN(PackOutput output, PackOutput::create(sources, companions, payloadPlan(sources, plan, companions)));
  DELTASCOPE_ASSIGN(const std::vector<TensorStats> rows, packTensors(sources, plan, terms, output, job, meter));
  meter.phase("finishing");
  DELTASCOPE_TRY(output.finish(sources, job.stop));
  if (auto checked = checkOutput(sources, output, job); !checked) return tl::make_unexpected(output.shown(checked.error()));
  if (job.stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
  DELTASCOPE_TRY(output.commit());
  meter.finish();
  PackResult result = summarize(rows, output, meter);
  result.notes = sources.notes();
  result.companions = companions.files.size();
  result.companionBytes = bytesOf(companions.files);
  result.leftOut = companions.leftOut;
  result.verified = request.verify;
  return result;
}

}  // namespace deltascope
