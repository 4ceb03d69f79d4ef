// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "core/base/failure.h"
#include "core/base/units.h"
#include "core/bench/tensor_bench.h"
#include "core/bench/verify_matrix.h"
#include "core/codec/statistics.h"
#include "core/runtime/forms/form.h"
#include "core/runtime/weight_store.h"

namespace deltascope {
namespace {

void judge(const Comparison& compared, BenchmarkRow& row) {
  row.elementsCompared = compared.elements;
  row.elementsDifferent = compared.different;
  row.firstDifference = compared.first;
  row.bitExact = compared.different == 0;
}

constexpr std::uint64_t kChunks = 64, kMostChunkElements = std::uint64_t{1} << 20;

/// The tensor coded over its base, in host memory.
class Coded {
 public:
  Coded(const BenchmarkPlace& place, const Variant& one, CodecId id)
      : m_place(place), m_one(one), m_origin(one.tensors.front()), m_codec(codec(id)) {}

  Result<void> encode(const FinalWeight& final) {
    const std::uint64_t each =
        std::clamp(roundUp(ceilDiv(m_origin.elements, kChunks), kTileElements), kTileElements, kMostChunkElements);
    m_chunks.resize(static_cast<std::size_t>(ceilDiv(m_origin.elements, each)));
    for (std::size_t i = 0; i < m_chunks.size(); ++i) {
      m_chunks[i].first = i * each;
      m_chunks[i].count = static_cast<std::size_t>(std::min(each, m_origin.elements - i * each));
    }
    DELTASCOPE_TRY(m_place.team.run(m_chunks.size(), m_place.stop, [&](std::size_t i) {
      return m_one.base->slice(m_origin.baseName, m_origin.dtype, m_chunks[i].first, m_chunks[i].count, false,
                               m_chunks[i].base);
    }));
    DELTASCOPE_TRY(fit(final));
    std::atomic<std::size_t> done{0};
    const auto caller = std::this_thread::get_id();
    return m_place.team.run(m_chunks.size(), m_place.stop, [&](std::size_t i) -> Result<void> {
      Chunk& chunk = m_chunks[i];
      std::vector<std::byte> values;
      DELTASCOPE_TRY(m_codec.encode(sliceOf(chunk, values), finalOf(chunk, final), m_model.get(), {}, chunk.bytes));
      chunk.bytes.shrink_to_fit();
      ++done;
      if (std::this_thread::get_id() == caller)
        m_place.course.reached(static_cast<double>(done) / static_cast<double>(m_chunks.size()));
      return {};
    });
  }

  Result<void> decode(std::span<std::byte> into) const {
    const std::size_t size = bytesOf(m_origin.dtype);
    return m_place.team.run(m_chunks.size(), m_place.stop, [&](std::size_t i) {
      const Chunk& chunk = m_chunks[i];
      static thread_local std::vector<std::byte> values;
      return m_codec.decode(sliceOf(chunk, values), chunk.bytes, m_model.get(),
                            into.subspan(chunk.first * size, chunk.count * size));
    });
  }

  [[nodiscard]] std::uint64_t bytes() const {
    std::uint64_t sum = m_model ? m_model->serialize().size() : 0;
    for (const auto& chunk : m_chunks) sum += chunk.bytes.size();
    return sum;
  }

 private:
  struct Chunk {
    std::uint64_t first = 0;
    std::size_t count = 0;
    SliceBuffer base;
    std::vector<std::byte> bytes;
  };

  BaseSlice sliceOf(const Chunk& chunk, std::vector<std::byte>& values) const {
    BaseSlice slice = chunk.base.slice;
    if (slice.kind == BaseKind::Same || !m_codec.needsValues()) return slice;
    values.resize(chunk.count * bytesOf(m_origin.dtype));
    baseValues(slice, values);
    slice.values = values;
    return slice;
  }
  std::span<const std::byte> finalOf(const Chunk& chunk, const FinalWeight& final) const {
    const std::size_t size = bytesOf(m_origin.dtype);
    return final.bytes.span().subspan(chunk.first * size, chunk.count * size);
  }
  Result<void> fit(const FinalWeight& final) {
    std::vector<std::byte> values;
    const Chunk& chunk = m_chunks[m_chunks.size() / 2];
    const DeltaSample sample{sliceOf(chunk, values), finalOf(chunk, final)};
    DELTASCOPE_ASSIGN(m_model, m_codec.fit({&sample, 1}, {}));
    return {};
  }

  const BenchmarkPlace& m_place;
  const Variant& m_one;
  const TensorOrigin& m_origin;
  const DeltaCodec& m_codec;
  ModelPtr m_model;
  std::vector<Chunk> m_chunks;
};

Result<void> measureCodec(const BenchmarkPlace& place, const Variant& one, CodecId id, const FinalWeight& final,
                          const Timings& residentMs) {
  const TensorOrigin& origin = one.tensors.front();
  kernels::Backend& backend = place.backend();
  place.recorder.enter(nameOf(id));
  const ModeMemory memory(place, 0);
  Coded coded(place, one, id);
  {
    auto encoding = place.course.step(id == CodecId::Zstd ? BenchmarkWork::EncodeZstd : BenchmarkWork::EncodeAdditive);
    DELTASCOPE_TRY(coded.encode(final));
    encoding.finish();
  }
  auto step = place.course.step(id == CodecId::Zstd ? BenchmarkWork::Zstd : BenchmarkWork::Additive);
  BenchmarkRow row = rowOf(place, origin, std::string(nameOf(id)));
  row.codec = nameOf(id);
  row.storedBytes = coded.bytes() + one.base->storedBytes(origin.baseName);
  row.residentBytes = coded.bytes() + residentBaseBytes(origin);
  row.residentMs = residentMs;
  DELTASCOPE_ASSIGN(const auto dense, fromBackend(backend.allocate(row.layerBytes, origin.spec.name)));
  const bool inPlace = place.host->inPlace();
  HostBytes made(inPlace ? 0 : row.layerBytes);
  const std::span<std::byte> target =
      inPlace ? std::span(dense.as<std::byte>(), static_cast<std::size_t>(row.layerBytes)) : made.span();
  kernels::Matrix matrix = emptyMatrix(origin);
  matrix.elements = dense.data();
  DELTASCOPE_ASSIGN(WeightUse use, WeightUse::create(place, origin, one.config.rmsEpsilon));
  const unsigned repeat = std::min(place.request.repeat, kMostBaselineRepetitions);
  Timings rebuild;
  DELTASCOPE_ASSIGN(row.usedMs, use.measure(place, row.mode, repeat, [&]() -> Result<kernels::Matrix> {
    const auto start = std::chrono::steady_clock::now();
    DELTASCOPE_TRY(coded.decode(target));
    if (!inPlace) {
      backend.copyIn(dense.data(), target.data(), target.size());
      DELTASCOPE_TRY(fromBackend(backend.synchronize()));
    }
    rebuild.add(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    return matrix;
  }));
  rebuild.values.erase(rebuild.values.begin(), rebuild.values.end() - static_cast<std::ptrdiff_t>(repeat));
  row.rebuildMs = std::move(rebuild);
  row.copyShare = copyShareOf(place, row, row.storedBytes);
  row.peakMemoryBytes = backend.memory().use().peak;
  DELTASCOPE_TRY(use.describeOutput(place, row));
  DELTASCOPE_ASSIGN(const Comparison compared, verifyMatrix(place, origin, matrix, final));
  judge(compared, row);
  step.finish();
  place.recorder.add(std::move(row), true);
  return {};
}

/// The base as its products see it; how many weights it has right is the row's verdict.
Result<void> measureBase(const BenchmarkPlace& place, const Variant& one, const FinalWeight& final, const Timings& residentMs) {
  auto alone = onlyTensor(one, 0);
  TensorOrigin& origin = alone->tensors.front();
  origin.steps.clear();
  origin.finalHash.reset();
  place.recorder.enter("base");
  const ModeMemory memory(place, 0);
  auto step = place.course.step(BenchmarkWork::Base);
  DELTASCOPE_ASSIGN(WeightUse use, WeightUse::create(place, origin, one.config.rmsEpsilon));
  DELTASCOPE_ASSIGN(const MemoryPlan plan, planOne(place, *alone, Placement::Jit, {}));
  JobContext loading;
  loading.stop = place.stop;
  loading.threads = place.threads;
  DELTASCOPE_ASSIGN(const auto store, WeightStore::load(place.host, alone, plan, loading));
  BenchmarkRow row = rowOf(place, origin, "base");
  row.codec = "none";
  row.residentBytes = plan.tensors.front().residentBytes;
  row.residentMs = residentMs;
  DELTASCOPE_ASSIGN(row.usedMs, use.measure(place, row.mode, place.request.repeat,
                                            [&] { return Result<kernels::Matrix>(store->matrix(0)); }));
  row.peakMemoryBytes = place.backend().memory().use().peak;
  DELTASCOPE_TRY(use.describeOutput(place, row));
  DELTASCOPE_ASSIGN(const Comparison compared, verifyMatrix(place, origin, store->matrix(0), final));
  judge(compared, row);
  step.finish();
  place.recorder.add(std::move(row), true);
  return {};
}

}  // namespace

Result<void> measureBaselines(const BenchmarkPlace& place, const std::shared_ptr<Variant>& one, const FinalWeight& final,
                              const Timings& residentMs) {
  const TensorOrigin& origin = one->tensors.front();
  if (origin.steps.empty() || origin.bottom == BaseKind::None) return {};
  const auto outcome = [&](std::string_view mode, Result<void> done) -> Result<void> {
    if (done || (done.error().code != ErrorCode::OutOfMemory && done.error().code != ErrorCode::InvalidArgument)) return done;
    place.recorder.skip({origin.spec.name, std::string(mode), describe(done.error())});
    return {};
  };
  for (const auto id : {CodecId::Additive, CodecId::Zstd})
    if (codec(id).supports(origin.bottom, origin.dtype))
      DELTASCOPE_TRY(outcome(nameOf(id), measureCodec(place, *one, id, final, residentMs)));
  return outcome("base", measureBase(place, *one, final, residentMs));
}

}  // namespace deltascope
