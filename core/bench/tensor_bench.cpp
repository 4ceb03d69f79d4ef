// SPDX-License-Identifier: Apache-2.0
#include "core/bench/tensor_bench.h"

#include <algorithm>
#include <limits>

#include "core/base/failure.h"
#include "core/base/units.h"
#include "core/bench/rebuild.h"
#include "core/bench/verify_matrix.h"
#include "core/payload/hash_faults.h"
#include "core/runtime/forms/forms.h"
#include "core/runtime/weight_store.h"
#include "kernels/gpu_ops.h"

namespace deltascope {
namespace {

std::string codecOf(const BenchmarkPlace& place, const TensorOrigin& origin) {
  std::string names;
  for (const auto& step : origin.steps) names += (names.empty() ? "" : "+") + std::string(nameOf(step.stats->codec));
  if (!names.empty()) return names;
  return origin.finalHash && !place.request.model.baseOnly ? std::string(nameOf(CodecId::Identical)) : "none";
}

BenchmarkWork workOf(Placement mode) {
  return mode == Placement::Static ? BenchmarkWork::Static
         : mode == Placement::Jit  ? BenchmarkWork::Jit
                                   : BenchmarkWork::Stream;
}

std::uint64_t storedBytesOf(const TensorOrigin& origin) {
  std::uint64_t bytes = origin.quantized ? origin.quantized->storedBytes : origin.plain ? origin.plain->bytes : 0;
  for (const auto& step : origin.steps) bytes += step.stats->storedBytes;
  return bytes;
}

class TensorBench {
 public:
  TensorBench(const BenchmarkPlace& place, const std::shared_ptr<Variant>& one)
      : m_place(place), m_one(one), m_origin(one->tensors.front()) {}

  Result<void> run() {
    m_place.recorder.enter(kReference);
    m_place.backend().memory().resetPeak();
    auto reading = m_place.course.step(BenchmarkWork::Read);
    auto final = readFinal(*m_one, m_origin, m_place.team, m_place.stop);
    if (!final) return failed("static", std::move(final.error()));
    reading.finish();
    m_final = std::move(*final);
    DELTASCOPE_TRY(measureResident());
    DELTASCOPE_TRY(measureRebuilding());
    m_place.recorder.mark(m_place.backend().memory().use().peak, m_place.backend().deviceMemory());
    for (const auto mode : {Placement::Static, Placement::Jit, Placement::Stream}) {
      const auto& modes = m_place.request.modes;
      if (!modes.empty() && std::find(modes.begin(), modes.end(), mode) == modes.end()) continue;
      if (auto done = measureMode(mode); !done) DELTASCOPE_TRY(failed(nameOf(mode), std::move(done.error())));
    }
    if (m_place.request.baselines) DELTASCOPE_TRY(measureBaselines(m_place, m_one, m_final, m_resident));
    return {};
  }

 private:
  /// What concerns this tensor alone is a row or a skip; the rest ends the run.
  Result<void> failed(std::string_view mode, Error error) {
    if (error.code == ErrorCode::OutOfMemory || error.code == ErrorCode::InvalidArgument) {
      m_place.recorder.skip({m_origin.spec.name, std::string(mode), describe(error)});
      return {};
    }
    if (error.code != ErrorCode::Corrupt) return tl::make_unexpected(std::move(error));
    BenchmarkRow row = rowOf(m_place, m_origin, std::string(mode));
    row.residentMs = m_resident;
    row.problem = describe(error);
    m_place.recorder.add(std::move(row), false);
    return {};
  }

  /// The ground truth, without a budget: it is what the modes are compared with, not one of them.
  Result<void> measureResident() {
    kernels::Backend& backend = m_place.backend();
    auto step = m_place.course.step(BenchmarkWork::Reference);
    const auto bytes = m_final.bytes.span();
    auto dense = fromBackend(backend.allocate(bytes.size(), m_origin.spec.name));
    if (!dense && dense.error().code == ErrorCode::OutOfMemory) {
      m_place.recorder.skip({m_origin.spec.name, "resident", describe(dense.error())});
      return {};
    }
    if (!dense) return tl::make_unexpected(dense.error());
    backend.copyIn(dense->data(), bytes.data(), bytes.size());
    kernels::Matrix matrix = emptyMatrix(m_origin);
    matrix.elements = dense->data();
    DELTASCOPE_ASSIGN(WeightUse use, WeightUse::create(m_place, m_origin, m_one->config.rmsEpsilon));
    DELTASCOPE_ASSIGN(
        m_resident, use.measure(m_place, "resident", m_place.request.repeat, [&] { return Result<kernels::Matrix>(matrix); }));
    step.finish();
    return {};
  }

  Result<void> measureRebuilding() {
    auto step = m_place.course.step(BenchmarkWork::Rebuild);
    auto rebuild = makeRebuild(m_place, m_one);
    if (!rebuild) {
      if (rebuild.error().code == ErrorCode::Mismatch || rebuild.error().code == ErrorCode::Cancelled)
        return tl::make_unexpected(rebuild.error());
      m_place.recorder.skip({m_origin.spec.name, "reconstruction alone", describe(rebuild.error())});
      return {};
    }
    auto timings = measureRebuild(m_place, **rebuild);
    if (timings) {
      m_rebuild = std::move(*timings);
      DELTASCOPE_ASSIGN(m_rebuilt, (*rebuild)->compare(m_final));
      step.finish();
    } else if (timings.error().code != ErrorCode::Corrupt) {
      return tl::make_unexpected(timings.error());
    }
    return {};
  }

  Result<void> measureMode(Placement mode) {
    kernels::Backend& backend = m_place.backend();
    m_place.recorder.enter(nameOf(mode));
    const ModeMemory memory(m_place, m_place.request.model.memoryBudget.value_or(0));
    DELTASCOPE_ASSIGN(WeightUse use, WeightUse::create(m_place, m_origin, m_one->config.rmsEpsilon));
    DELTASCOPE_ASSIGN(const MemoryPlan plan, planOne(m_place, *m_one, mode, m_place.request.model.memoryBudget));
    const TensorPlacement& placed = plan.tensors.front();
    auto step = m_place.course.step(workOf(mode));
    if (placed.placement != mode) {
      if (!m_place.request.modes.empty()) m_place.recorder.skip({m_origin.spec.name, std::string(nameOf(mode)), whyNot(mode)});
      return {};
    }
    JobContext loading;
    loading.stop = m_place.stop;
    loading.threads = m_place.threads;
    DELTASCOPE_ASSIGN(const auto store, WeightStore::load(m_place.host, m_one, plan, loading));
    DELTASCOPE_TRY(fromBackend(backend.reserveScratch(plan.scratchBytes - plan.workBytes)));
    BenchmarkRow row = rowOf(m_place, m_origin, std::string(nameOf(mode)));
    row.residentBytes = placed.residentBytes;
    row.residentMs = m_resident;
    DELTASCOPE_ASSIGN(row.usedMs, use.measure(m_place, row.mode, m_place.request.repeat,
                                              [&] { return Result<kernels::Matrix>(store->matrix(0)); }));
    row.peakMemoryBytes = backend.memory().use().peak;
    row.plannedPeakBytes = plan.expectedPeak;
    DELTASCOPE_TRY(use.describeOutput(m_place, row));
    backend.memory().setLimit(0);
    m_place.recorder.enter(kReference);
    DELTASCOPE_ASSIGN(const Comparison compared, verifyMatrix(m_place, m_origin, store->matrix(0), m_final));
    judge(compared, row);
    row.rebuildMs = m_rebuild;
    std::uint64_t read = row.storedBytes;
    if (mode == Placement::Stream) DELTASCOPE_TRY(measureStreaming(*store, row));
    if (mode == Placement::Jit && store->matrix(0).form == kernels::Matrix::Form::Tiled) {
      DELTASCOPE_TRY(measureTiles(store->matrix(0), row));
      read = row.residentBytes;
    }
    row.copyShare = copyShareOf(m_place, row, read);
    step.finish();
    m_place.recorder.add(std::move(row), false);
    return {};
  }

  /// A GPU's own form of a weight, in one go, as products of several tokens make it.
  Result<void> measureTiles(const kernels::Matrix& matrix, BenchmarkRow& row) const {
    kernels::Backend& backend = m_place.backend();
    DELTASCOPE_ASSIGN(const kernels::Buffer made, fromBackend(backend.allocate(row.layerBytes, m_origin.spec.name)));
    const auto timer = backend.makeTimer();
    row.rebuildMs = {};
    for (unsigned i = 0; i < m_place.request.warmup + m_place.request.repeat; ++i) {
      timer->start();
      DELTASCOPE_TRY(fromBackend(backend.gpu()->reconstruct(matrix, 0, matrix.rows, made.data())));
      timer->stop();
      DELTASCOPE_ASSIGN(const double milliseconds, fromBackend(timer->milliseconds()));
      if (i >= m_place.request.warmup) row.rebuildMs.add(milliseconds);
      m_place.tick();
    }
    DELTASCOPE_TRY(fromBackend(backend.synchronize()));
    Comparison compared;
    DELTASCOPE_TRY(compareDense(m_place, made.data(), bytesOf(m_origin.dtype), m_final, compared));
    if (compared.different > row.elementsDifferent) judge(compared, row);
    return {};
  }

  /// Streaming reads the delta for each use, which counts as reconstruction.
  Result<void> measureStreaming(WeightStore& store, BenchmarkRow& row) const {
    row.rebuildMs = {};
    if (store.matrix(0).form != kernels::Matrix::Form::Made) return {};  // made inside the product alone
    kernels::Backend& backend = m_place.backend();
    const bool onDevice = store.matrix(0).source->onDevice();
    const std::uint64_t size = bytesOf(m_origin.dtype);
    HostBytes onHost(onDevice ? 0 : row.layerBytes);
    kernels::Buffer there;
    if (onDevice) {
      DELTASCOPE_ASSIGN(there, fromBackend(backend.allocate(row.layerBytes, m_origin.spec.name)));
    }
    const auto timer = backend.makeTimer();
    for (unsigned i = 0; i < m_place.request.repeat; ++i) {
      timer->start();
      const kernels::ElementSource& source = *store.matrix(0).source;
      DELTASCOPE_TRY(onDevice ? makeOnDevice(source, size, there.as<std::byte>(), m_place.stop)
                              : makeAll(source, size, onHost.span(), m_place.team, m_place.stop));
      timer->stop();
      DELTASCOPE_ASSIGN(const double milliseconds, fromBackend(timer->milliseconds()));
      row.rebuildMs.add(milliseconds);
      m_place.tick();
    }
    return fromBackend(backend.synchronize());
  }

  void judge(const Comparison& compared, BenchmarkRow& row) const {
    row.elementsCompared = compared.elements;
    row.elementsDifferent = compared.different + m_rebuilt.different;
    row.firstDifference = compared.first ? compared.first : m_rebuilt.first;
    if (m_origin.finalHash && m_final.hash != *m_origin.finalHash)
      row.problem = wrongFinalHash(m_final.hash, *m_origin.finalHash);
    row.bitExact = row.elementsDifferent == 0 && row.elementsCompared == m_origin.elements && row.problem.empty();
  }

  [[nodiscard]] std::string whyNot(Placement mode) const {
    if (!isMatrix(m_origin.spec.role)) return "a vector is always static";
    return m_origin.steps.empty() ? "it has no delta, so there is nothing to do for each use"
                                  : "it cannot be " + std::string(nameOf(mode)) + " on this device";
  }

  const BenchmarkPlace& m_place;
  std::shared_ptr<Variant> m_one;
  const TensorOrigin& m_origin;
  FinalWeight m_final;
  Timings m_resident, m_rebuild;
  Comparison m_rebuilt;
};

}  // namespace

double copyShareOf(const BenchmarkPlace& place, const BenchmarkRow& row, std::uint64_t read) {
  constexpr std::uint64_t kLeastBytes = std::uint64_t{64} << 10;  // below, a core's first cache and the clock are measured
  const std::uint64_t moved = read + row.layerBytes;
  if (row.rebuildMs.empty() || row.rebuildMs.median() <= 0 || place.copyBytesPerSecond <= 0 || moved < kLeastBytes) return 0;
  return rounded(static_cast<double>(moved) / (1e-3 * row.rebuildMs.median()) / place.copyBytesPerSecond);
}

Result<MemoryPlan> planOne(const BenchmarkPlace& place, const Variant& one, Placement placement,
                           std::optional<std::uint64_t> budget) {
  PlanRequest request = planRequest(one, place.backend(), nullptr);
  request.loadFixedBytes = 0;  // of a whole model
  request.expand = place.request.model.expand;
  request.device = place.request.model.device;
  request.budget = std::numeric_limits<std::int64_t>::max();
  request.placement = placement;
  request.threads = place.threads;
  request.contexts = {1};
  request.prefillTokens = {1};
  request.kvCacheBytes = [](std::uint32_t) { return std::uint64_t{0}; };
  request.activationBytes = [](std::uint32_t) { return std::uint64_t{0}; };
  DELTASCOPE_ASSIGN(MemoryPlan plan, makePlan(request));
  if (budget && plan.expectedPeak > *budget)
    return fail(ErrorCode::InvalidArgument,
                "it needs " + formatGib(plan.expectedPeak) + " in this mode, the memory budget is " + formatGib(*budget));
  return plan;
}

ModeMemory::ModeMemory(const BenchmarkPlace& place, std::uint64_t limit) : m_backend(place.backend()) {
  m_backend.memory().setLimit(limit);
  m_backend.memory().resetPeak();
}

ModeMemory::~ModeMemory() {
  [[maybe_unused]] const auto given = m_backend.reserveScratch(0);  // giving back cannot fail
  m_backend.memory().setLimit(0);
}

BenchmarkRow rowOf(const BenchmarkPlace& place, const TensorOrigin& origin, std::string mode) {
  BenchmarkRow row;
  row.tensor = origin.spec.name;
  row.mode = std::move(mode);
  row.device = place.backend().device().id;
  row.codec = codecOf(place, origin);
  row.operation = useOf(origin.spec.role) == BenchmarkUse::Product ? "product" : "norm";
  row.shape = origin.spec.shape;
  row.layerBytes = origin.elements * bytesOf(origin.dtype);
  row.storedBytes = storedBytesOf(origin);
  return row;
}

Result<void> measureTensor(const BenchmarkPlace& place, const std::shared_ptr<Variant>& one) {
  return TensorBench(place, one).run();
}

}  // namespace deltascope
