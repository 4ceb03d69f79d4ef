// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/weight_store.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>

#include "core/base/ordered.h"
#include "core/base/units.h"
#include "core/pipeline/meter.h"
#include "core/quant/base_format.h"
#include "core/runtime/device_feed.h"
#include "core/runtime/device_source.h"
#include "core/runtime/device_tiles.h"
#include "core/runtime/plain_source.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kReadElements = 512 * kTileElements;
constexpr std::uint64_t kNoRing = ~std::uint64_t{0};
/// Page-locked memory through which streamed weights go.
constexpr std::uint64_t kFeedHostBytes = std::uint64_t{112} << 20;

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
  // On a GPU.
  DeviceTiles tiles;
  kernels::Buffer units;           ///< base and delta, or the base alone, as products read them fastest
  BaseKind kind = BaseKind::None;  ///< of the base that they were made from
  std::unique_ptr<kernels::Feed>* feed = nullptr;
  std::vector<kernels::FeedRows> feedRows;

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
  } else if (lookup && forLookup) {
    matrix.form = kernels::Matrix::Form::Made;
    matrix.source = lookup.get();
  } else if (!feedRows.empty() && !base) {  // plain
    matrix.feed = feed->get();
    matrix.feedRows = feedRows;
  } else if (source) {
    matrix.form = kernels::Matrix::Form::Made;
    matrix.source = source.get();
  } else {
    const kernels::Matrix stored = formatOf(base ? base->kind : kind).matrix();
    matrix.form = stored.form;
    matrix.values = stored.values;
    if (tiles.offsets || units) {
      matrix.form = kernels::Matrix::Form::Tiled;
      matrix.tiles = tiles.tiles;
    }
    if (base) {
      matrix.codes = base->codes.as<std::uint8_t>();
      matrix.scales = base->scales.as<float>();
      matrix.group = base->group;
    }
    if (!feedRows.empty()) {
      matrix.feed = feed->get();
      matrix.feedRows = feedRows;
    }
  }
  return matrix;
}

/// Lets loads go on side by side while what they hold besides their weights stays within what was planned. A load that needs
/// more than all of it goes alone.
class LoadGate {
 public:
  void open(std::uint64_t bytes) { m_limit = bytes; }
  void enter(std::uint64_t bytes) {
    std::unique_lock lock(m_mutex);
    m_left.wait(lock, [&] { return m_held == 0 || m_held + bytes <= m_limit; });
    m_held += bytes;
  }
  void leave(std::uint64_t bytes) {
    const std::lock_guard lock(m_mutex);
    m_held -= bytes;
    m_left.notify_all();
  }

 private:
  std::mutex m_mutex;
  std::condition_variable m_left;
  std::uint64_t m_limit = 0, m_held = 0;
};

struct WeightStore::State {
  std::shared_ptr<Host> host;
  std::shared_ptr<Variant> variant;
  std::unique_ptr<DeviceWork> deviceWork;  ///< of weights that a GPU makes whole
  std::vector<Entry> entries;              ///< by the variant's tensors
  std::unique_ptr<StreamRing> ring;
  std::unique_ptr<kernels::Feed> feed;
  TileTables tables;
  LoadGate gate;
  Reservation work;
  std::vector<LayerWeights> layers;
  std::vector<std::uint64_t> firstStreamed;  ///< by layer: its first tensor in the ring
  const Entry* embedding = nullptr;
  const Entry* finalNorm = nullptr;
  const Entry* head = nullptr;

  Result<void> loadAll(const MemoryPlan& plan, const JobContext& job);
  Result<Entry> loadOne(std::size_t index, const TensorPlacement& placement, const std::stop_token& stop);
  Result<void> readPlain(std::uint64_t first, std::span<std::byte> into, const TensorOrigin& origin) const;
  Result<void> makeStatic(Entry& entry, const std::stop_token& stop) const;
  Result<void> checkFinal(const Entry& entry, const Hash128& hash) const;
  Result<void> loadOnDevice(Entry& entry, bool expanded, const std::stop_token& stop);
  Result<void> toUnits(Entry& entry) const;
  Result<void> startFeed(const MemoryPlan& plan);
  Result<void> makeSource(Entry& entry, const std::stop_token& stop) const;
  Result<void> startRing(unsigned threads);
  Result<void> makeSources();
  /// Whether rows of a GPU's embedding are read from the files, base and delta.
  [[nodiscard]] bool looksUpInFiles() const;
  void arrange();
  void place(const Entry& entry);
  [[nodiscard]] kernels::Backend& backend() const { return host->backend(); }
};

/// As it is stored, or converted by the one rounding that base tensors of another float type get.
Result<void> WeightStore::State::readPlain(std::uint64_t first, std::span<std::byte> into, const TensorOrigin& origin) const {
  const std::uint64_t size = deltascope::bytesOf(origin.dtype);
  if (isPlain(origin)) return variant->base->checkpoint().read(*origin.plain, first * size, into);
  SliceBuffer slice;
  DELTASCOPE_TRY(variant->base->slice(origin.baseName, origin.dtype, first, into.size() / size, true, slice));
  std::copy(slice.slice.values.begin(), slice.slice.values.end(), into.begin());
  return {};
}

Result<void> WeightStore::State::makeStatic(Entry& entry, const std::stop_token& stop) const {
  const TensorOrigin& origin = *entry.origin;
  const std::uint64_t size = deltascope::bytesOf(origin.dtype), bytes = origin.elements * size;
  DELTASCOPE_ASSIGN(entry.dense, fromBackend(backend().allocate(bytes, origin.spec.name)));
  Hasher128 hasher;
  if (origin.steps.empty()) {
    const auto read = [&](std::uint64_t begin, std::span<std::byte> piece) -> Result<void> {
      DELTASCOPE_TRY(readPlain(begin / size, piece, origin));
      if (origin.finalHash) hasher.update(piece);
      return {};
    };
    DELTASCOPE_TRY(host->fill(entry.dense, bytes, kReadElements * size, stop, read));
    return checkFinal(entry, hasher.digest());
  }
  DeltaPlaces places;
  places.file = variant->base;
  if (variant->base && backend().onHost() && host->holds(*variant->base, origin)) {
    DELTASCOPE_ASSIGN(places.base, host->base(*variant->base, origin, stop));
  }
  DELTASCOPE_ASSIGN(const auto source, DeltaSource::create(origin, std::move(places)));
  std::vector<std::byte> staging(backend().onHost() ? 0 : source->step() * size);
  for (std::size_t piece = 0; piece < source->pieces(); ++piece) {
    const std::uint64_t end = source->pieceBegin(piece + 1);
    for (std::uint64_t first = source->pieceBegin(piece); first < end; first += source->step()) {
      if (stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
      const std::uint64_t count = std::min(source->step(), end - first);
      std::byte* const to = entry.dense.as<std::byte>() + first * size;
      std::byte* const made = backend().onHost() ? to : staging.data();
      if (auto done = fromBackend(source->make(piece, first, count, made)); !done) {
        DELTASCOPE_TRY(checkBaseOf(*variant, origin));
        return done;
      }
      if (origin.finalHash) hasher.update({made, static_cast<std::size_t>(count * size)});
      if (made != to) DELTASCOPE_TRY(host->put(to, {made, static_cast<std::size_t>(count * size)}));
    }
  }
  return checkFinal(entry, hasher.digest());
}

/// The lossless check. Where it fails, the base's own hash tells whether it is the right base.
Result<void> WeightStore::State::checkFinal(const Entry& entry, const Hash128& hash) const {
  const TensorOrigin& origin = *entry.origin;
  if (!origin.finalHash || hash == *origin.finalHash) return {};
  DELTASCOPE_TRY(checkBaseOf(*variant, origin));
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
  DELTASCOPE_ASSIGN(places.deltas, loadDeltas(backend(), origin, stop));
  DELTASCOPE_ASSIGN(entry.source, DeltaSource::create(origin, std::move(places)));
  return {};
}

/// Jit or stream on a GPU: codes and scales, and the delta's tiles.
Result<void> WeightStore::State::loadOnDevice(Entry& entry, bool expanded, const std::stop_token& stop) {
  const TensorOrigin& origin = *entry.origin;
  const bool streamed = entry.placement == Placement::Stream;
  if (isPlain(origin)) return {};  // its rows come with the feed
  const bool looked = streamed && origin.spec.role == WeightRole::Embedding && !variant->config.tiedEmbeddings;
  if (looked) return {};  // in the files
  if (origin.bottom != BaseKind::None) {
    DELTASCOPE_ASSIGN(entry.base, host->base(*variant->base, origin, stop));
  }
  if (!origin.steps.empty() && !hasTiles(origin)) {
    const std::lock_guard lock(host->copying());
    DeviceWeightPlaces places;
    places.base = entry.base;
    DELTASCOPE_ASSIGN(places.deltas, loadDeviceDeltas(backend(), origin, stop));
    DELTASCOPE_ASSIGN(entry.source, DeviceSource::create(*deviceWork, origin, std::move(places)));
    return {};
  }
  if (!origin.steps.empty()) {
    const TileStream stream = tileStream(origin);
    DELTASCOPE_ASSIGN(entry.tiles, loadTiles(*host, tables, origin, stream, !streamed, stop));
    if (!expanded) return {};
  }
  return toUnits(entry);
}

/// Puts a weight in the form that products read fastest, where there is one, and lets go of what it was made from.
Result<void> WeightStore::State::toUnits(Entry& entry) const {
  const kernels::Matrix stored = entry.matrix(false);
  const bool exact = !entry.origin->steps.empty();
  const std::uint64_t bytes = backend().unitBytes(stored, exact);
  if (bytes == 0) return {};
  const std::lock_guard lock(host->copying());
  DELTASCOPE_ASSIGN(auto units, fromBackend(backend().allocate(bytes, entry.origin->spec.name)));
  if (exact) {
    DELTASCOPE_ASSIGN(const bool fits, fromBackend(backend().toBytes(stored, units.data())));
    if (!fits) return {};  // too many exceptions: it stays as it is stored, which takes less
  } else {
    DELTASCOPE_TRY(fromBackend(backend().toCodes(stored, units.data())));
  }
  entry.units = std::move(units);
  entry.tiles.stream = {};
  entry.tiles.offsets = {};
  entry.tiles.tiles.code = exact ? kernels::Tiles::Code::Bytes : kernels::Tiles::Code::Codes;
  entry.tiles.tiles.stream = entry.units.as<std::byte>();
  entry.tiles.tiles.offsets = nullptr;
  entry.kind = entry.base->kind;
  entry.base.reset();
  return {};
}

Result<WeightStore::Entry> WeightStore::State::loadOne(std::size_t index, const TensorPlacement& placement,
                                                       const std::stop_token& stop) {
  Entry entry;
  entry.origin = &variant->tensors[index];
  entry.placement = placement.placement;
  if (entry.placement == Placement::Static) {
    DELTASCOPE_TRY(makeStatic(entry, stop));
  } else if (backend().onHost()) {
    DELTASCOPE_TRY(makeSource(entry, stop));
  } else {
    gate.enter(placement.loadBytes);
    const auto loaded = loadOnDevice(entry, placement.expanded, stop);
    gate.leave(placement.loadBytes);
    DELTASCOPE_TRY(loaded);
  }
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
      plan.tensors.size(), threads, 2 * threads, job.stop, [&](std::size_t i) { return loadOne(i, plan.tensors[i], job.stop); },
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

bool WeightStore::State::looksUpInFiles() const {
  return !backend().onHost() && std::ranges::any_of(entries, [](const Entry& entry) {
    return entry.placement == Placement::Stream && entry.origin->spec.role == WeightRole::Embedding;
  });
}

/// The same on a GPU: items in the order of a forward pass.
Result<void> WeightStore::State::startFeed(const MemoryPlan& plan) {
  FeedItems items;
  const auto add = [&](Entry& entry) -> Result<void> {
    entry.feed = &feed;
    DELTASCOPE_ASSIGN(entry.feedRows, items.add(variant->base ? &variant->base->checkpoint() : nullptr, *entry.origin));
    return {};
  };
  for (auto& entry : entries)
    if (entry.placement == Placement::Stream && entry.origin->spec.role != WeightRole::Embedding) DELTASCOPE_TRY(add(entry));
  for (auto& entry : entries)
    if (entry.placement == Placement::Stream && entry.origin->spec.role == WeightRole::Embedding) {
      if (variant->config.tiedEmbeddings) DELTASCOPE_TRY(add(entry));
      DeltaPlaces places;
      places.file = variant->base;
      if (isPlain(*entry.origin)) {
        entry.lookup = std::make_unique<PlainSource>(variant->base->checkpoint(), *entry.origin, nullptr, 0);
      } else {
        DELTASCOPE_ASSIGN(entry.lookup, DeltaSource::create(*entry.origin, std::move(places)));
      }
    }
  if (items.empty()) return {};
  kernels::FeedRequest request = items.request();
  request.deviceBytes = plan.streamBytes;
  request.hostBytes = kFeedHostBytes;
  DELTASCOPE_ASSIGN(feed, fromBackend(backend().openFeed(std::move(request))));
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
  state->deviceWork = std::make_unique<DeviceWork>(state->host->sharedBackend());
  state->variant = std::move(variant);
  {
    // On a GPU what is held besides while loading comes from the account itself.
    const bool onHost = state->backend().onHost();
    DELTASCOPE_ASSIGN(const auto loading,
                      Reservation::take(state->host->sharedBackend(), onHost ? plan.loadBytes : 0, "loading"));
    state->gate.open(plan.loadBytes);
    DELTASCOPE_TRY(state->loadAll(plan, job));
    if (state->variant->base && !state->variant->keepScales && !state->looksUpInFiles()) state->variant->base->dropScales();
  }
  DELTASCOPE_ASSIGN(state->work, Reservation::take(state->host->sharedBackend(), plan.workBytes, "scratch for decoding"));
  if (state->backend().onHost()) {
    DELTASCOPE_TRY(state->startRing(job.threadCount()));
    DELTASCOPE_TRY(state->makeSources());
  } else {
    DELTASCOPE_TRY(fromBackend(state->backend().synchronize()));
    DELTASCOPE_TRY(state->startFeed(plan));
  }
  state->arrange();
  return std::unique_ptr<WeightStore>(new WeightStore(std::move(state)));
}

Result<LayerWeights> WeightStore::layer(std::uint32_t index) {
  if (const std::uint64_t first = m_state->firstStreamed[index]; first != kNoRing)
    m_state->ring->seek(static_cast<std::size_t>(first));
  return m_state->layers[index];
}

kernels::FeedUse WeightStore::feedUse() const { return m_state->feed ? m_state->feed->use() : kernels::FeedUse{}; }

bool WeightStore::repeatable() const { return !m_state->backend().onHost() && !m_state->feed; }

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
