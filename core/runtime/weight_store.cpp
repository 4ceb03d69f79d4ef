// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/weight_store.h"

#include <algorithm>
#include <map>

#include "core/base/ordered.h"
#include "core/base/units.h"
#include "core/pipeline/meter.h"
#include "core/quant/codebook.h"
#include "core/runtime/plain_source.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kReadElements = 512 * kTileElements;
constexpr std::uint64_t kNoRing = ~std::uint64_t{0};

std::span<std::byte> bytesOf(const kernels::Buffer& buffer) {
  return {buffer.as<std::byte>(), static_cast<std::size_t>(buffer.bytes())};
}

}  // namespace

/// One weight where the plan put it.
struct WeightStore::Entry {
  const TensorOrigin* origin = nullptr;
  Placement placement = Placement::Static;
  kernels::Buffer dense;                     ///< static
  std::shared_ptr<const ResidentBase> base;  ///< jit, stream
  std::unique_ptr<kernels::ElementSource> source;
  std::unique_ptr<kernels::ElementSource> lookup;  ///< of a streamed embedding: reads what it is asked for
  std::uint64_t ringTensor = kNoRing;

  [[nodiscard]] kernels::Matrix matrix(bool forLookup) const;
  [[nodiscard]] VectorRef vector() const { return {dense.data(), elementType(origin->dtype)}; }
};

kernels::Matrix WeightStore::Entry::matrix(bool forLookup) const {
  kernels::Matrix matrix;
  matrix.type = elementType(origin->dtype);
  matrix.rows = origin->spec.shape.size() > 1 ? origin->spec.shape[0] : 1;
  matrix.columns = origin->spec.shape.back();
  if (dense) {
    matrix.elements = dense.data();
  } else if (source) {
    matrix.form = kernels::Matrix::Form::Made;
    matrix.source = forLookup && lookup ? lookup.get() : source.get();
  } else {
    const bool int8 = base->kind == BaseKind::Int8;
    matrix.form = int8 ? kernels::Matrix::Form::Int8 : kernels::Matrix::Form::FourBit;
    matrix.codes = base->codes.as<std::uint8_t>();
    matrix.scales = base->scales.as<float>();
    matrix.group = base->group;
    if (!int8) matrix.values = codeBook(base->kind == BaseKind::Nf4 ? QuantFormat::Nf4 : QuantFormat::Fp4).values.data();
  }
  return matrix;
}

struct WeightStore::State {
  std::shared_ptr<Host> host;
  std::shared_ptr<Variant> variant;
  std::vector<Entry> entries;  ///< by the variant's tensors
  std::unique_ptr<StreamRing> ring;
  Reservation work;
  std::vector<LayerWeights> layers;
  std::vector<std::uint64_t> firstStreamed;  ///< by layer: its first tensor in the ring
  const Entry* embedding = nullptr;
  const Entry* finalNorm = nullptr;
  const Entry* head = nullptr;

  Result<void> loadAll(const MemoryPlan& plan, const JobContext& job);
  Result<Entry> loadOne(std::size_t index, Placement placement, const std::stop_token& stop) const;
  Result<void> readPlain(Entry& entry, const std::stop_token& stop) const;
  Result<void> makeStatic(Entry& entry, const std::stop_token& stop) const;
  Result<void> checkFinal(const Entry& entry) const;
  Result<void> makeSource(Entry& entry, const std::stop_token& stop) const;
  Result<void> startRing(unsigned threads);
  Result<void> makeSources();
  void arrange();
  void place(const Entry& entry);
  [[nodiscard]] kernels::Backend& backend() const { return host->backend(); }
};

/// As it is stored, or converted by the one rounding that base tensors of another float type get.
Result<void> WeightStore::State::readPlain(Entry& entry, const std::stop_token& stop) const {
  const TensorOrigin& origin = *entry.origin;
  const std::uint64_t size = deltascope::bytesOf(origin.dtype);
  SliceBuffer slice;
  for (std::uint64_t first = 0; first < origin.elements; first += kReadElements) {
    if (stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    const std::uint64_t count = std::min(kReadElements, origin.elements - first);
    const auto into = bytesOf(entry.dense).subspan(first * size, count * size);
    if (isPlain(origin)) {
      DELTASCOPE_TRY(variant->base->checkpoint().read(*origin.plain, first * size, into));
    } else {
      DELTASCOPE_TRY(variant->base->slice(origin.spec.name, origin.dtype, first, static_cast<std::size_t>(count), true, slice));
      std::copy(slice.slice.values.begin(), slice.slice.values.end(), into.begin());
    }
  }
  return {};
}

Result<void> WeightStore::State::makeStatic(Entry& entry, const std::stop_token& stop) const {
  const TensorOrigin& origin = *entry.origin;
  const std::uint64_t size = deltascope::bytesOf(origin.dtype);
  DELTASCOPE_ASSIGN(entry.dense, fromBackend(backend().allocate(origin.elements * size, origin.spec.name)));
  if (origin.steps.empty()) {
    DELTASCOPE_TRY(readPlain(entry, stop));
    return checkFinal(entry);
  }
  DeltaPlaces places;
  places.file = variant->base;
  if (variant->base && host->holds(*variant->base, origin)) {
    DELTASCOPE_ASSIGN(places.base, host->base(*variant->base, origin, stop));
  }
  DELTASCOPE_ASSIGN(const auto source, DeltaSource::create(origin, std::move(places)));
  for (std::size_t piece = 0; piece < source->pieces(); ++piece) {
    const std::uint64_t end = source->pieceBegin(piece + 1);
    for (std::uint64_t first = source->pieceBegin(piece); first < end; first += source->step()) {
      if (stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
      DELTASCOPE_TRY(fromBackend(
          source->make(piece, first, std::min(source->step(), end - first), entry.dense.as<std::byte>() + first * size)));
    }
  }
  return checkFinal(entry);
}

/// The lossless check. Where it fails, the base's own hash tells whether it is the right base.
Result<void> WeightStore::State::checkFinal(const Entry& entry) const {
  const TensorOrigin& origin = *entry.origin;
  if (!origin.finalHash) return {};
  const Hash128 hash = hash128(bytesOf(entry.dense));
  if (hash == *origin.finalHash) return {};
  if (origin.baseHash) {
    DELTASCOPE_ASSIGN(const Hash128 base, variant->base->hash(origin.spec.name));
    if (base != *origin.baseHash)
      return fail(ErrorCode::Mismatch,
                  at({variant->base->checkpoint().path(), origin.spec.name, {}},
                     "the base has the hash " + toHex(base) + ", the payload was made over " + toHex(*origin.baseHash)),
                  "this is another base, or it was changed since");
  }
  const auto& path = origin.steps.empty() ? variant->payloads.back()->path() : origin.steps.back().payload->path();
  return fail(ErrorCode::Corrupt,
              at({path, origin.spec.name, {}},
                 "the reconstruction has the hash " + toHex(hash) + ", the payload says " + toHex(*origin.finalHash)),
              "the payload is damaged; make it again");
}

/// Base and delta into memory; sources are made once the ring is there.
Result<void> WeightStore::State::makeSource(Entry& entry, const std::stop_token& stop) const {
  const TensorOrigin& origin = *entry.origin;
  DeltaPlaces places;
  if (origin.bottom != BaseKind::None && !isPlain(origin)) {
    DELTASCOPE_ASSIGN(entry.base, host->base(*variant->base, origin, stop));
    places.base = entry.base;
  }
  if (origin.steps.empty() || entry.placement == Placement::Stream) return {};
  auto deltas = std::make_shared<ResidentDeltas>();
  std::uint64_t bytes = 0;
  for (const auto& step : origin.steps) {
    deltas->offsets.emplace_back();
    for (const auto& chunk : step.chunks) {
      deltas->offsets.back().push_back(bytes);
      bytes += roundUp(chunk.bytes, 64);
    }
  }
  DELTASCOPE_ASSIGN(deltas->bytes, fromBackend(backend().allocate(bytes, origin.spec.name)));
  for (std::size_t s = 0; s < origin.steps.size(); ++s)
    for (std::size_t c = 0; c < origin.steps[s].chunks.size(); ++c) {
      if (stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
      const ChunkInfo& chunk = origin.steps[s].chunks[c];
      DELTASCOPE_TRY(origin.steps[s].payload->readChunk(*origin.steps[s].stats, chunk,
                                                        bytesOf(deltas->bytes).subspan(deltas->offsets[s][c], chunk.bytes)));
    }
  places.deltas = std::move(deltas);
  DELTASCOPE_ASSIGN(entry.source, DeltaSource::create(origin, std::move(places)));
  return {};
}

Result<WeightStore::Entry> WeightStore::State::loadOne(std::size_t index, Placement placement,
                                                       const std::stop_token& stop) const {
  Entry entry;
  entry.origin = &variant->tensors[index];
  entry.placement = placement;
  if (placement == Placement::Static)
    DELTASCOPE_TRY(makeStatic(entry, stop));
  else
    DELTASCOPE_TRY(makeSource(entry, stop));
  return entry;
}

Result<void> WeightStore::State::loadAll(const MemoryPlan& plan, const JobContext& job) {
  std::uint64_t bytes = 0;
  for (const auto& tensor : plan.tensors) bytes += tensor.finalBytes;
  Meter meter(job);
  meter.setTotals(bytes, plan.tensors.size());
  meter.phase("loading");
  entries.resize(plan.tensors.size());
  const unsigned threads = job.threadCount();
  DELTASCOPE_TRY(runOrdered<Entry>(
      plan.tensors.size(), threads, 2 * threads, job.stop,
      [&](std::size_t i) { return loadOne(i, plan.tensors[i].placement, job.stop); },
      [&](std::size_t i, Entry&& entry) -> Result<void> {
        entries[i] = std::move(entry);
        meter.add(plan.tensors[i].name, plan.tensors[i].finalBytes, true);
        return {};
      }));
  meter.finish();
  return {};
}

/// Streamed weights in the order of a forward pass; of a tied embedding the product comes last.
Result<void> WeightStore::State::startRing(unsigned threads) {
  std::vector<std::vector<StreamPiece>> tensors;
  const auto add = [&](Entry& entry) {
    const TensorOrigin& origin = *entry.origin;
    std::vector<StreamPiece> pieces;
    const std::size_t count = origin.steps.empty() ? plainPieces(origin) : origin.steps.back().chunks.size();
    for (std::size_t p = 0; p < count; ++p)
      pieces.push_back(origin.steps.empty() ? plainPiece(variant->base->checkpoint(), origin, p) : streamPiece(origin, p));
    entry.ringTensor = tensors.size();
    tensors.push_back(std::move(pieces));
  };
  for (auto& entry : entries)
    if (entry.placement == Placement::Stream && entry.origin->spec.role != WeightRole::Embedding) add(entry);
  for (auto& entry : entries)
    if (entry.placement == Placement::Stream && entry.origin->spec.role == WeightRole::Embedding &&
        variant->config.tiedEmbeddings)
      add(entry);
  if (tensors.empty()) return {};
  DELTASCOPE_ASSIGN(ring, StreamRing::create(*host, std::move(tensors), threads));
  return {};
}

Result<void> WeightStore::State::makeSources() {
  const auto source = [&](const Entry& entry, StreamRing* from) -> Result<std::unique_ptr<kernels::ElementSource>> {
    const auto number = static_cast<std::size_t>(entry.ringTensor);
    if (entry.origin->steps.empty())
      return std::make_unique<PlainSource>(variant->base->checkpoint(), *entry.origin, from, number);
    DeltaPlaces places;
    places.base = entry.base;
    places.ring = from;
    places.ringTensor = number;
    return DeltaSource::create(*entry.origin, std::move(places));
  };
  for (auto& entry : entries) {
    if (entry.placement != Placement::Stream) continue;
    DELTASCOPE_ASSIGN(entry.source, source(entry, entry.ringTensor == kNoRing ? nullptr : ring.get()));
    if (entry.origin->spec.role != WeightRole::Embedding) continue;
    DELTASCOPE_ASSIGN(entry.lookup, source(entry, nullptr));
  }
  return {};
}

void WeightStore::State::place(const Entry& entry) {
  const WeightSpec& spec = entry.origin->spec;
  static const std::map<WeightRole, kernels::Matrix LayerWeights::*> kMatrices{
      {WeightRole::Query, &LayerWeights::query}, {WeightRole::Key, &LayerWeights::key},
      {WeightRole::Value, &LayerWeights::value}, {WeightRole::Output, &LayerWeights::output},
      {WeightRole::Gate, &LayerWeights::gate},   {WeightRole::Up, &LayerWeights::up},
      {WeightRole::Down, &LayerWeights::down}};
  static const std::map<WeightRole, VectorRef LayerWeights::*> kVectors{
      {WeightRole::InputNorm, &LayerWeights::inputNorm}, {WeightRole::PostNorm, &LayerWeights::postNorm},
      {WeightRole::QueryNorm, &LayerWeights::queryNorm}, {WeightRole::KeyNorm, &LayerWeights::keyNorm},
      {WeightRole::QueryBias, &LayerWeights::queryBias}, {WeightRole::KeyBias, &LayerWeights::keyBias},
      {WeightRole::ValueBias, &LayerWeights::valueBias}, {WeightRole::OutputBias, &LayerWeights::outputBias},
      {WeightRole::GateBias, &LayerWeights::gateBias},   {WeightRole::UpBias, &LayerWeights::upBias},
      {WeightRole::DownBias, &LayerWeights::downBias}};
  if (const auto found = kMatrices.find(spec.role); found != kMatrices.end())
    layers[spec.layer].*found->second = entry.matrix(false);
  else if (const auto vector = kVectors.find(spec.role); vector != kVectors.end())
    layers[spec.layer].*vector->second = entry.vector();
  else if (spec.role == WeightRole::Embedding)
    embedding = &entry;
  else
    (spec.role == WeightRole::FinalNorm ? finalNorm : head) = &entry;
}

void WeightStore::State::arrange() {
  layers.resize(variant->config.layers);
  firstStreamed.assign(variant->config.layers, kNoRing);
  for (const auto& entry : entries) {
    place(entry);
    const WeightRole role = entry.origin->spec.role;
    if (role == WeightRole::Embedding || role == WeightRole::Head || entry.ringTensor == kNoRing) continue;
    auto& first = firstStreamed[entry.origin->spec.layer];
    first = std::min(first, entry.ringTensor);
  }
  if (!head) head = embedding;
}

WeightStore::WeightStore(std::unique_ptr<State> state) : m_state(std::move(state)) {}
WeightStore::~WeightStore() = default;

Result<std::unique_ptr<WeightStore>> WeightStore::load(std::shared_ptr<Host> host, std::shared_ptr<Variant> variant,
                                                       const MemoryPlan& plan, const JobContext& job) {
  auto state = std::make_unique<State>();
  state->host = std::move(host);
  state->variant = std::move(variant);
  {
    DELTASCOPE_ASSIGN(const auto loading, Reservation::take(state->host->sharedBackend(), plan.loadBytes, "loading"));
    DELTASCOPE_TRY(state->loadAll(plan, job));
    if (state->variant->base && !state->variant->keepScales) state->variant->base->dropScales();
  }
  DELTASCOPE_ASSIGN(state->work, Reservation::take(state->host->sharedBackend(), plan.workBytes, "scratch for decoding"));
  DELTASCOPE_TRY(state->startRing(job.threadCount()));
  DELTASCOPE_TRY(state->makeSources());
  state->arrange();
  return std::unique_ptr<WeightStore>(new WeightStore(std::move(state)));
}

Result<LayerWeights> WeightStore::layer(std::uint32_t index) {
  if (const std::uint64_t first = m_state->firstStreamed[index]; first != kNoRing)
    m_state->ring->seek(static_cast<std::size_t>(first));
  return m_state->layers[index];
}

Result<kernels::Matrix> WeightStore::embedding() { return m_state->embedding->matrix(true); }

Result<VectorRef> WeightStore::finalNorm() { return m_state->finalNorm->vector(); }

Result<kernels::Matrix> WeightStore::head() {
  const Entry& head = *m_state->head;
  if (head.ringTensor != kNoRing) m_state->ring->seek(static_cast<std::size_t>(head.ringTensor));
  return head.matrix(false);
}

kernels::Matrix WeightStore::matrix(std::size_t index) {
  const Entry& entry = m_state->entries[index];
  if (entry.ringTensor != kNoRing) m_state->ring->seek(static_cast<std::size_t>(entry.ringTensor));
  return entry.matrix(false);
}

}  // namespace deltascope
