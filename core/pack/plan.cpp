// SPDX-License-Identifier: Apache-2.0
#include "core/pack/plan.h"

#include <algorithm>
#include <limits>
#include <map>

#include "core/base/ordered.h"
#include "core/base/units.h"
#include "core/checkpoint/matrices.h"
#include "core/pack/choose.h"
#include "core/pack/sample.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kLeastChunk = 65536;
constexpr std::size_t kFitElements = std::size_t{2} << 20;  ///< a fit sees no more; keeps a stop within milliseconds
constexpr double kOwnModelMargin = 1.25;                    ///< how many times its size a tensor's own model has to gain
constexpr double kOwnModelHope = 0.08;                      ///< bits/weight; more is rare, so smaller tensors are not tried
constexpr double kOwnModelReach = 1.1;  ///< codecs further from the smallest would not get there with a model of their own
constexpr std::array kEstimated{CodecId::Raw,     CodecId::Sparse, CodecId::Entropy,
                                CodecId::Bitpack, CodecId::Zstd,   CodecId::Additive};

/// Tensors whose deltas look alike share models.
using Group = std::pair<BaseKind, DType>;

struct Fit {
  Group group;
  CodecId codec = CodecId::Raw;
  ModelPtr model;
  std::uint64_t bytes = 0;
};

class Planner {
 public:
  Planner(const PackSources& sources, const JobContext& job, Meter& meter)
      : m_sources(sources), m_request(sources.request()), m_job(job), m_meter(meter) {}
  Result<PackPlan> plan(unsigned sampleTiles, const CompareWhole& compare);

 private:
  Result<void> takeSamples(unsigned sampleTiles, bool packs);
  Result<void> fitShared();
  Result<void> estimateAll();
  void choose();
  void keepDifferent();

  std::vector<CodecId> codecsFor(std::size_t index) const;
  bool isForced(std::size_t index) const;
  std::vector<DeltaSample> fitSample(const Group& group) const;
  double bitsOf(CodecId id, const CodecModel* model, std::span<const DeltaSample> samples) const;
  CodecCandidate sharedCandidate(CodecId id, const PackTensor& tensor, std::span<const DeltaSample> samples) const;
  Result<std::vector<CodecCandidate>> candidatesFor(std::size_t index) const;
  Result<std::optional<CodecCandidate>> ownModel(const CodecCandidate& shared, const PackTensor& tensor,
                                                 const TensorSample& sample) const;
  unsigned threads() const { return m_job.threadCount(); }
  std::size_t window() const { return threads() + 2; }

  const PackSources& m_sources;
  const PackRequest& m_request;
  const JobContext& m_job;
  Meter& m_meter;
  PackPlan m_plan;
  std::vector<std::size_t> m_sampled;   ///< indices of the tensors that are sampled
  std::vector<TensorSample> m_samples;  ///< as m_sampled
  double m_samplingShare = 0;
  std::vector<Fit> m_fits;
  std::vector<std::vector<CodecCandidate>> m_candidates;  ///< as m_sampled
};

Sameness samenessByConstruction(const PackSources& sources, const PackTensor& tensor) {
  if (tensor.stats.elements == 0) return Sameness::Yes;
  if (sources.request().quantize) return tensor.quantize ? Sameness::No : Sameness::Yes;
  return !tensor.final && tensor.terms.empty() ? Sameness::Yes : Sameness::No;
}

/// Of the work that planning and packing are together: an element that is sampled is coded by every codec, one that is packed
/// by one.
double samplingShare(const PackSources& sources, const std::vector<std::size_t>& sampled, unsigned tiles) {
  double sampling = 0, packing = 1;
  for (const auto& tensor : sources.tensors()) packing += static_cast<double>(tensor.stats.elements);
  for (const std::size_t i : sampled)
    sampling += static_cast<double>(std::min<std::uint64_t>(sources.tensors()[i].stats.elements, tiles * kTileElements));
  sampling *= static_cast<double>(kEstimated.size());
  return sampling / (sampling + packing);
}

/// Whether the codec that was asked for can store the tensor.
bool Planner::isForced(std::size_t index) const {
  if (!m_request.codec) return false;
  if (*m_request.codec == CodecId::LowRank) return m_samples[index].lowRankBytes > 0;
  const auto& stats = m_sources.tensors()[m_sampled[index]].stats;
  return codec(*m_request.codec).supports(stats.base, stats.dtype);
}

/// Those to estimate; low-rank factors are not among them.
std::vector<CodecId> Planner::codecsFor(std::size_t index) const {
  std::vector<CodecId> all;
  const auto& stats = m_sources.tensors()[m_sampled[index]].stats;
  const bool forced = isForced(index);
  for (const CodecId id : kEstimated)
    if (codec(id).supports(stats.base, stats.dtype) && (!forced || id == *m_request.codec)) all.push_back(id);
  return all;
}

Result<void> Planner::takeSamples(unsigned sampleTiles, bool packs) {
  const auto& tensors = m_sources.tensors();
  m_plan.tensors.resize(tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    auto& plan = m_plan.tensors[i];
    plan.same = samenessByConstruction(m_sources, tensors[i]);
    const auto matrices = matricesOf(tensors[i].stats.name, tensors[i].stats.shape);
    plan.chunkElements =
        chunkElementsFor(tensors[i].stats.elements, m_request.chunks, matrices ? matrices->count : std::uint64_t{1});
    if (plan.same != Sameness::Yes) m_sampled.push_back(i);
  }
  const unsigned tiles = tilesWithinBudget(m_sampled.size(), sampleTiles);
  m_samplingShare = packs ? samplingShare(m_sources, m_sampled, tiles) : 1;
  return runOrdered<TensorSample>(
      m_sampled.size(), threads(), window(), m_job.stop,
      [&](std::size_t i) { return sampleTensor(m_sources, tensors[m_sampled[i]], tiles); },
      [&](std::size_t i, TensorSample&& sample) -> Result<void> {
        const auto& stats = tensors[m_sampled[i]].stats;
        if (sample.equal || sample.unsure)
          m_plan.tensors[m_sampled[i]].same = sample.equal ? Sameness::Possible : Sameness::Unsure;
        if (!codec(CodecId::LowRank).supports(stats.base, stats.dtype)) sample.lowRankBytes = 0;
        if (sample.lowRank && sample.lowRankBytes > 0) {
          // Estimated now, so that no more than a few tensors' factors are in memory.
          sample.lowRankBits = bitsOf(CodecId::LowRank, sample.lowRank.get(), sample.deltaSamples());
        }
        sample.lowRank.reset();
        m_meter.prepare(stats.name, i + 1, 2 * m_sampled.size(), m_samplingShare);
        m_samples.push_back(std::move(sample));
        return {};
      });
}

std::vector<DeltaSample> Planner::fitSample(const Group& group) const {
  std::vector<DeltaSample> all;
  std::size_t elements = 0;
  for (std::size_t i = 0; i < m_sampled.size(); ++i) {
    const auto& stats = m_sources.tensors()[m_sampled[i]].stats;
    if (Group(stats.base, stats.dtype) != group) continue;
    for (const auto& sample : m_samples[i].deltaSamples()) {
      all.push_back(sample);
      elements += sample.base.count;
    }
  }
  const std::size_t step = ceilDiv(elements, kFitElements);
  if (step <= 1) return all;
  std::vector<DeltaSample> some;
  for (std::size_t i = 0; i < all.size(); i += step) some.push_back(all[i]);
  return some;
}

Result<void> Planner::fitShared() {
  std::map<std::pair<Group, CodecId>, bool> wanted;
  for (std::size_t i = 0; i < m_sampled.size(); ++i) {
    const auto& stats = m_sources.tensors()[m_sampled[i]].stats;
    for (const CodecId id : codecsFor(i)) wanted[{Group(stats.base, stats.dtype), id}] = true;
  }
  std::vector<Fit> fits;
  for (const auto& [key, unused] : wanted) fits.push_back({.group = key.first, .codec = key.second, .model = {}, .bytes = 0});
  return runOrdered<ModelPtr>(
      fits.size(), threads(), window(), m_job.stop,
      [&](std::size_t i) { return codec(fits[i].codec).fit(fitSample(fits[i].group), m_request.codecOptions); },
      [&](std::size_t i, ModelPtr&& model) -> Result<void> {
        if (!model) return {};
        fits[i].bytes = model->serialize().size();
        fits[i].model = std::move(model);
        m_fits.push_back(fits[i]);
        return {};
      });
}

double Planner::bitsOf(CodecId id, const CodecModel* model, std::span<const DeltaSample> samples) const {
  double bits = 0;
  double elements = 0;
  for (const auto& sample : samples) {
    const auto count = static_cast<double>(sample.base.count);
    bits += codec(id).estimate(sample, model, m_request.codecOptions) * count;
    elements += count;
  }
  return elements > 0 ? bits / elements : 0;
}

/// A model of the tensor's own, where it gains clearly more than it costs. Fitted on one half of the sample and judged on the
/// other, lest it only knows the sample; of a tensor that is known whole, on all of it.
Result<std::optional<CodecCandidate>> Planner::ownModel(const CodecCandidate& shared, const PackTensor& tensor,
                                                        const TensorSample& sample) const {
  const auto elements = static_cast<double>(tensor.stats.elements);
  const auto all = sample.deltaSamples();
  std::vector<DeltaSample> known, unknown;
  for (std::size_t i = 0; i < all.size(); ++i) (i % 2 == 0 ? known : unknown).push_back(all[i]);
  if (!sample.whole && unknown.empty()) return std::nullopt;
  const auto& fitOn = sample.whole ? all : known;
  const auto& judgeOn = sample.whole ? all : unknown;
  const auto* sharedModel = m_fits[static_cast<std::size_t>(shared.shared)].model.get();
  DELTASCOPE_ASSIGN(ModelPtr model, codec(shared.codec).fit(fitOn, m_request.codecOptions));
  if (!model) return std::nullopt;
  const double gain = (bitsOf(shared.codec, sharedModel, judgeOn) - bitsOf(shared.codec, model.get(), judgeOn)) / 8 * elements;
  if (gain < kOwnModelMargin * static_cast<double>(model->serialize().size())) return std::nullopt;
  if (!sample.whole) {
    DELTASCOPE_ASSIGN(model, codec(shared.codec).fit(all, m_request.codecOptions));
    if (!model) return std::nullopt;
  }
  CodecCandidate own;
  own.codec = shared.codec;
  own.bytes = shared.bytes - gain;
  own.modelBytes = model->serialize().size();
  own.own = std::move(model);
  return own;
}

CodecCandidate Planner::sharedCandidate(CodecId id, const PackTensor& tensor, std::span<const DeltaSample> samples) const {
  CodecCandidate candidate;
  candidate.codec = id;
  for (std::size_t i = 0; i < m_fits.size(); ++i)
    if (m_fits[i].codec == id && m_fits[i].group == Group(tensor.stats.base, tensor.stats.dtype))
      candidate.shared = static_cast<int>(i);
  // The baseline is slow to estimate and far from every choice: one run will do.
  if (id == CodecId::Additive) samples = samples.first(1);
  const CodecModel* model = candidate.shared < 0 ? nullptr : m_fits[static_cast<std::size_t>(candidate.shared)].model.get();
  candidate.bytes = bitsOf(id, model, samples) / 8 * static_cast<double>(tensor.stats.elements);
  return candidate;
}

Result<std::vector<CodecCandidate>> Planner::candidatesFor(std::size_t index) const {
  const auto& tensor = m_sources.tensors()[m_sampled[index]];
  const auto& sample = m_samples[index];
  const auto elements = static_cast<double>(tensor.stats.elements);
  const auto samples = sample.deltaSamples();
  std::vector<CodecCandidate> candidates;
  double least = std::numeric_limits<double>::infinity();
  for (const CodecId id : codecsFor(index)) {
    if (m_job.stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    candidates.push_back(sharedCandidate(id, tensor, samples));
    least = std::min(least, candidates.back().bytes);
  }
  for (std::size_t i = 0, shared = candidates.size(); i < shared; ++i) {
    if (candidates[i].shared < 0 || candidates[i].bytes > kOwnModelReach * least) continue;
    const double modelBits = 8 * static_cast<double>(m_fits[static_cast<std::size_t>(candidates[i].shared)].bytes);
    if (kOwnModelHope * elements < kOwnModelMargin * modelBits) continue;
    if (m_job.stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    DELTASCOPE_ASSIGN(std::optional<CodecCandidate> own, ownModel(candidates[i], tensor, sample));
    if (own) candidates.push_back(std::move(*own));
  }
  if (sample.lowRankBytes > 0 && (!m_request.codec || isForced(index))) {
    CodecCandidate candidate;
    candidate.codec = CodecId::LowRank;
    candidate.bytes = sample.lowRankBits / 8 * elements;
    candidate.modelBytes = sample.lowRankBytes;
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

Result<void> Planner::estimateAll() {
  return runOrdered<std::vector<CodecCandidate>>(
      m_sampled.size(), threads(), window(), m_job.stop, [&](std::size_t i) { return candidatesFor(i); },
      [&](std::size_t i, std::vector<CodecCandidate>&& candidates) -> Result<void> {
        m_candidates.push_back(std::move(candidates));
        m_samples[i].runs.clear();
        m_meter.prepare(m_sources.tensors()[m_sampled[i]].stats.name, m_sampled.size() + i + 1, 2 * m_sampled.size(),
                        m_samplingShare);
        return {};
      });
}

void Planner::choose() {
  std::vector<std::uint64_t> sharedBytes;
  for (const auto& fit : m_fits) sharedBytes.push_back(fit.bytes);
  const auto chosen = chooseCandidates(m_candidates, sharedBytes, m_request.prefer);
  std::vector<int> sharedIndex(m_fits.size(), -1);
  for (std::size_t i = 0; i < m_sampled.size(); ++i) {
    const auto& tensor = m_sources.tensors()[m_sampled[i]];
    auto& plan = m_plan.tensors[m_sampled[i]];
    const auto& pick = m_candidates[i][chosen[i]];
    plan.codec = pick.codec;
    plan.forced = isForced(i);
    plan.estimatedBytes = static_cast<std::uint64_t>(std::max(0.0, pick.bytes));
    for (const auto& candidate : m_candidates[i]) {
      auto& shown = plan.estimate[static_cast<std::size_t>(candidate.codec)];
      const auto bits =
          static_cast<float>(8 * candidate.cost() / static_cast<double>(std::max<std::uint64_t>(tensor.stats.elements, 1)));
      shown = shown > 0 ? std::min(shown, bits) : std::max(bits, 0.001F);
    }
    if (pick.shared >= 0) {
      auto& index = sharedIndex[static_cast<std::size_t>(pick.shared)];
      if (index < 0) {
        index = static_cast<int>(m_plan.models.size());
        const auto& fit = m_fits[static_cast<std::size_t>(pick.shared)];
        m_plan.models.push_back({fit.codec, fit.model, 0, fit.bytes});
      }
      plan.model = index;
    } else if (pick.modelBytes > 0) {
      plan.model = static_cast<int>(m_plan.models.size());
      m_plan.models.push_back({pick.codec, pick.own, m_sampled[i], pick.modelBytes});
    }
  }
}

/// Only what differs from its base is fitted, estimated and coded.
void Planner::keepDifferent() {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < m_sampled.size(); ++i) {
    auto& same = m_plan.tensors[m_sampled[i]].same;
    if (same == Sameness::Possible) same = Sameness::Yes;
    if (same == Sameness::Unsure) same = Sameness::No;
    if (same == Sameness::Yes) continue;
    if (kept != i) {
      m_sampled[kept] = m_sampled[i];
      m_samples[kept] = std::move(m_samples[i]);
    }
    ++kept;
  }
  m_sampled.resize(kept);
  m_samples.resize(kept);
}

Result<PackPlan> Planner::plan(unsigned sampleTiles, const CompareWhole& compare) {
  DELTASCOPE_TRY(takeSamples(sampleTiles, static_cast<bool>(compare)));
  if (compare) DELTASCOPE_TRY(compare(m_plan));
  keepDifferent();
  DELTASCOPE_TRY(fitShared());
  DELTASCOPE_TRY(estimateAll());
  choose();
  return std::move(m_plan);
}

}  // namespace

std::uint64_t chunkElementsFor(std::uint64_t elements, unsigned chunks, std::uint64_t matrices) {
  const std::uint64_t usual = std::max(roundUp(ceilDiv(elements, std::max(chunks, 1u)), kTileElements), kLeastChunk);
  const std::uint64_t tiles = matrices > 1 && elements % matrices == 0 ? elements / matrices / kTileElements : 0;
  if (tiles == 0 || tiles * kTileElements * matrices != elements) return usual;
  if (tiles * kTileElements <= kLeastChunk) return ceilDiv(kLeastChunk, tiles * kTileElements) * tiles * kTileElements;
  std::uint64_t parts = ceilDiv(tiles * kTileElements, usual);  // that are equal
  const std::uint64_t most = 4 * parts;
  while (parts < most && tiles % parts != 0) ++parts;
  const std::uint64_t part = tiles / parts * kTileElements;
  return tiles % parts == 0 && part >= kLeastChunk ? part : usual;
}

Result<PackPlan> planPack(const PackSources& sources, unsigned sampleTiles, const CompareWhole& compare, const JobContext& job,
                          Meter& meter) {
  return Planner(sources, job, meter).plan(sampleTiles, compare);
}

}  // namespace deltascope
