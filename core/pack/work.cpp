// SPDX-License-Identifier: Apache-2.0
#include "core/pack/work.h"

#include <algorithm>

#include "core/base/ordered.h"
#include "core/base/units.h"
#include "core/codec/statistics.h"
#include "core/pack/scales.h"

namespace deltascope {
namespace {

/// What one item turned into.
struct PackedItem {
  PairSlice pair;
  std::vector<std::byte> stored;
  ChunkStats stats;
  std::uint64_t zeroDeltas = 0;
  std::vector<float> scales;
};
using PackedPtr = std::unique_ptr<PackedItem>;

/// Items that were written lend their buffers to later ones: large vectors are costly to make and to zero. No more exist than
/// are in work at once.
class ItemPool {
 public:
  PackedPtr take() {
    std::lock_guard lock(m_mutex);
    if (m_free.empty()) return std::make_unique<PackedItem>();
    PackedPtr item = std::move(m_free.back());
    m_free.pop_back();
    return item;
  }
  void give(PackedPtr item) {
    item->stored.clear();
    item->scales.clear();
    item->pair.scales.clear();
    item->stats = {};
    item->zeroDeltas = 0;
    std::lock_guard lock(m_mutex);
    m_free.push_back(std::move(item));
  }

 private:
  std::mutex m_mutex;
  std::vector<PackedPtr> m_free;
};

class TensorPacker {
 public:
  TensorPacker(const PackSources& sources, const PackPlan& plan, TermsCache& terms, PackOutput& output, Meter& meter)
      : m_sources(sources), m_plan(plan), m_terms(terms), m_output(output), m_meter(meter), m_scales(sources) {}

  Result<PackedPtr> work(const PackItem& item);
  Result<void> commit(const PackItem& item, PackedPtr packed);
  /// Finishes the tensors before `tensor` that have no items left.
  Result<void> finishUpTo(std::size_t tensor);
  std::vector<TensorStats> takeRows() { return std::move(m_rows); }

 private:
  Result<void> packChunk(const PackItem& item, PackedItem& packed);
  Result<void> commitChunk(const PackItem& item, const PackedItem& packed);
  Result<void> writeToBase(const PackItem& item, const PackedItem& packed);
  Result<void> writeBaseParts(std::size_t index);
  Result<void> finish(std::size_t index, const TensorHashes& hashes);
  Result<ModelPtr> modelOf(std::size_t index);
  TensorStats rowOf(std::size_t index) const;

  const PackSources& m_sources;
  const PackPlan& m_plan;
  TermsCache& m_terms;
  PackOutput& m_output;
  Meter& m_meter;
  ScaleKeeper m_scales;
  std::optional<PairHasher> m_hasher;  ///< of the tensor being committed
  ItemPool m_pool;
  std::vector<TensorStats> m_rows;
  TensorStats m_row;  ///< of the tensor being committed
};

TensorStats TensorPacker::rowOf(std::size_t index) const {
  const auto& plan = m_plan.tensors[index];
  TensorStats row = m_sources.tensors()[index].stats;
  row.estimate = plan.estimate;
  row.forced = plan.forced;
  row.model = plan.model;
  row.codec = plan.same == Sameness::Yes ? CodecId::Identical : plan.codec;
  if (row.codec == CodecId::Identical) {
    row.zeroDeltas = row.elements;
  } else {
    row.chunkElements = plan.chunkElements;
    row.chunkCount = ceilDiv(row.elements, plan.chunkElements);
  }
  return row;
}

Result<ModelPtr> TensorPacker::modelOf(std::size_t index) {
  const int model = m_plan.tensors[index].model;
  if (model < 0) return ModelPtr{};
  if (const auto& known = m_plan.models[static_cast<std::size_t>(model)].model) return known;
  DELTASCOPE_ASSIGN(const TermsPtr terms, m_terms.get(index));
  return terms->onlyLowRank();
}

Result<void> TensorPacker::packChunk(const PackItem& item, PackedItem& packed) {
  const auto& tensor = m_sources.tensors()[item.tensor];
  const auto& plan = m_plan.tensors[item.tensor];
  DELTASCOPE_ASSIGN(const TermsPtr terms, m_terms.get(item.tensor));
  DELTASCOPE_TRY(m_sources.read(tensor, item.first, item.count, m_scales.of(item), terms.get(), packed.pair));
  const auto& slice = packed.pair.base.slice;
  if (plan.same == Sameness::Yes) {
    if (std::ranges::equal(slice.values, packed.pair.final)) return {};
    return fail(ErrorCode::Mismatch,
                at({m_sources.finalCheckpoint()->fileOf(*tensor.final), tensor.stats.name, std::nullopt},
                   "it changed while it was packed"),
                "pack again once nothing writes to it");
  }
  DELTASCOPE_ASSIGN(const ModelPtr model, modelOf(item.tensor));
  const auto& coder = codec(plan.codec);
  packed.stored.reserve(coder.bound(slice.finalType, slice.count));
  auto stats = coder.encode(slice, packed.pair.final, model.get(), m_sources.request().codecOptions, packed.stored);
  if (!stats)
    return fail(stats.error().code, "tensor " + printable(tensor.stats.name) + ": " + stats.error().message,
                stats.error().hint);
  packed.stats = *stats;
  packed.zeroDeltas = countZeroDeltas(slice, packed.pair.final);
  return {};
}

Result<PackedPtr> TensorPacker::work(const PackItem& item) {
  if (item.kind == PackItem::Kind::Nothing) return PackedPtr();
  auto packed = m_pool.take();
  if (item.kind == PackItem::Kind::Scales) {
    DELTASCOPE_ASSIGN(packed->scales, m_scales.measure(item, packed->pair.final));
  } else {
    DELTASCOPE_TRY(packChunk(item, *packed));
  }
  return packed;
}

Result<void> TensorPacker::commit(const PackItem& item, PackedPtr packed) {
  if (item.kind == PackItem::Kind::Nothing) return {};
  if (item.kind == PackItem::Kind::Scales)
    m_scales.add(item, packed->scales);
  else
    DELTASCOPE_TRY(commitChunk(item, *packed));
  m_pool.give(std::move(packed));
  return {};
}

Result<void> TensorPacker::writeToBase(const PackItem& item, const PackedItem& packed) {
  const auto& tensor = m_sources.tensors()[item.tensor];
  const auto& name = tensor.stats.name;
  if (!tensor.quantize)
    return m_output.writeBase(item.tensor, name, item.first * bitsOf(tensor.stats.dtype) / 8, packed.pair.final);
  const IndexRange codes = m_sources.layoutOf(tensor).codesOf({item.first, item.count});
  return m_output.writeBase(item.tensor, name, codes.first, std::as_bytes(std::span(packed.pair.base.codes)));
}

Result<void> TensorPacker::commitChunk(const PackItem& item, const PackedItem& packed) {
  const std::size_t index = item.tensor;
  const auto& tensor = m_sources.tensors()[index];
  if (item.first == 0) {
    DELTASCOPE_TRY(finishUpTo(index));
    m_row = rowOf(index);
    m_hasher.emplace(m_sources, tensor);
    const int model = m_row.model;
    if (model >= 0 && !m_plan.models[static_cast<std::size_t>(model)].model) {
      DELTASCOPE_ASSIGN(const ModelPtr factors, modelOf(index));
      DELTASCOPE_TRY(m_output.payload().writeModel(static_cast<std::size_t>(model), factors->serialize()));
    }
  }
  m_hasher->add(packed.pair);
  if (m_sources.request().quantize) {
    DELTASCOPE_TRY(writeToBase(item, packed));
    if (tensor.quantize && !m_sources.needsScales(tensor)) m_scales.add(item, packed.pair.scales);
  }
  if (m_row.codec != CodecId::Identical) {
    DELTASCOPE_TRY(m_output.payload().appendChunk(index, packed.stored));
    m_row.zeroDeltas += packed.zeroDeltas;
    m_row.patches += packed.stats.patches;
    m_row.rawTiles += packed.stats.rawTiles;
  }
  const bool last = item.first + item.count == tensor.stats.elements;
  m_meter.add(tensor.stats.name, packed.pair.final.size(), last);
  if (!last) return {};
  if (tensor.quantize) DELTASCOPE_TRY(writeBaseParts(index));
  DELTASCOPE_ASSIGN(const TensorHashes hashes, m_hasher->finish(m_scales.all(index).asRead()));
  return finish(index, hashes);
}

Result<void> TensorPacker::writeBaseParts(std::size_t index) {
  const TensorScales& scales = m_scales.all(index);
  const auto& stats = m_sources.tensors()[index].stats;
  const auto& request = m_sources.request();
  const auto parts = quantizedParts(stats.name, *request.quantize, stats.shape, stats.dtype, request.blocksize, scales.own,
                                    scales.nested ? &*scales.nested : nullptr);
  for (const auto& part : parts) DELTASCOPE_TRY(m_output.writeBase(index, part.name, 0, part.bytes));
  return {};
}

Result<void> TensorPacker::finish(std::size_t index, const TensorHashes& hashes) {
  m_row.finalHash = hashes.final;
  m_row.baseHash = hashes.base;
  DELTASCOPE_TRY(m_output.payload().finishTensor(index, m_row));
  m_rows.push_back(std::move(m_row));
  m_scales.release(index);
  m_terms.release(index);
  return {};
}

Result<void> TensorPacker::finishUpTo(std::size_t tensor) {
  for (std::size_t index = m_rows.size(); index < tensor; ++index) {
    const auto compared = m_plan.hashes.find(index);
    m_row = rowOf(index);
    if (compared != m_plan.hashes.end()) {
      DELTASCOPE_TRY(finish(index, compared->second));
      continue;
    }
    // Without elements, hence without items.
    DELTASCOPE_ASSIGN(const TensorHashes hashes, PairHasher(m_sources, m_sources.tensors()[index]).finish({}));
    m_meter.add(m_row.name, 0, true);
    DELTASCOPE_TRY(finish(index, hashes));
  }
  return {};
}

}  // namespace

Result<std::vector<TensorStats>> packTensors(const PackSources& sources, const PackPlan& plan, TermsCache& terms,
                                             PackOutput& output, const JobContext& job, Meter& meter) {
  meter.phase("packing");
  for (std::size_t i = 0; i < plan.models.size(); ++i)
    if (const auto& model = plan.models[i].model) DELTASCOPE_TRY(output.payload().writeModel(i, model->serialize()));
  const std::size_t window = job.threadCount() + kItemsAhead;
  const auto items = packItems(sources, plan, window, PackPass::Pack);
  TensorPacker packer(sources, plan, terms, output, meter);
  auto done = runOrdered<PackedPtr>(
      items.size(), job.threadCount(), window, job.stop, [&](std::size_t i) { return packer.work(items[i]); },
      [&](std::size_t i, PackedPtr&& packed) { return packer.commit(items[i], std::move(packed)); });
  if (done) done = packer.finishUpTo(sources.tensors().size());
  if (!done) return tl::make_unexpected(output.shown(done.error()));
  return packer.takeRows();
}

}  // namespace deltascope
