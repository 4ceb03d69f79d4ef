// SPDX-License-Identifier: Apache-2.0
#include "core/bench/rebuild.h"

#include <algorithm>
#include <cstring>

#include "core/base/failure.h"
#include "core/base/units.h"
#include "core/bench/verify_matrix.h"
#include "core/codec/statistics.h"
#include "core/runtime/delta_source.h"
#include "core/runtime/device_source.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kRangeElements = 32 * kTileElements;

/// On the processor, where device memory is the host's.
class HostRebuild : public Rebuild {
 public:
  explicit HostRebuild(std::shared_ptr<Variant> one)
      : m_one(std::move(one)), m_elementBytes(bytesOf(origin().dtype)), m_made(origin().elements * m_elementBytes) {}
  Result<Comparison> compare(const FinalWeight& final) const override {
    Comparison comparison;
    comparison.add(m_made.span(), final.bytes.span(), m_elementBytes, 0);
    return comparison;
  }

 protected:
  [[nodiscard]] const TensorOrigin& origin() const { return m_one->tensors.front(); }
  std::shared_ptr<Variant> m_one;
  std::size_t m_elementBytes;
  HostBytes m_made;
};

class DeltaRebuild final : public HostRebuild {
 public:
  using HostRebuild::HostRebuild;
  Result<void> open(const BenchmarkPlace& place) {
    DeltaPlaces places;
    if (origin().bottom != BaseKind::None) {
      DELTASCOPE_ASSIGN(places.base, place.host->base(*m_one->base, origin(), place.stop));
    }
    DELTASCOPE_ASSIGN(places.deltas, loadDeltas(place.backend(), origin(), place.stop));
    DELTASCOPE_ASSIGN(m_source, DeltaSource::create(origin(), std::move(places)));
    return {};
  }
  Result<void> run(Team& team, const std::stop_token& stop) override {
    return makeAll(*m_source, m_elementBytes, m_made.span(), team, stop);
  }

 private:
  std::unique_ptr<DeltaSource> m_source;
};

/// Without a delta: the base's values, copied or dequantized.
class BaseRebuild final : public HostRebuild {
 public:
  using HostRebuild::HostRebuild;
  Result<void> open(const BenchmarkPlace& place) {
    DELTASCOPE_ASSIGN(m_base, place.host->base(*m_one->base, origin(), place.stop));
    return {};
  }
  Result<void> run(Team& team, const std::stop_token& stop) override {
    const std::uint64_t elements = origin().elements;
    return team.run(static_cast<std::size_t>(ceilDiv(elements, kRangeElements)), stop, [&](std::size_t i) -> Result<void> {
      const std::uint64_t first = i * kRangeElements, count = std::min(kRangeElements, elements - first);
      const auto into = m_made.span().subspan(first * m_elementBytes, count * m_elementBytes);
      baseValues(m_base->slice(origin().dtype, {first, count}), into);
      return {};
    });
  }

 private:
  std::shared_ptr<const ResidentBase> m_base;
};

/// On a device: its decoders, chunk after chunk.
class DeviceRebuild final : public Rebuild {
 public:
  DeviceRebuild(const BenchmarkPlace& place, std::shared_ptr<Variant> one)
      : m_place(place), m_one(std::move(one)), m_work(place.host->sharedBackend()) {}
  Result<void> open() {
    const TensorOrigin& origin = m_one->tensors.front();
    DeviceWeightPlaces places;
    if (origin.bottom != BaseKind::None) {
      DELTASCOPE_ASSIGN(places.base, m_place.host->base(*m_one->base, origin, m_place.stop));
    }
    DELTASCOPE_ASSIGN(places.deltas, loadDeviceDeltas(m_place.backend(), origin, m_place.stop));
    m_elementBytes = bytesOf(origin.dtype);
    DELTASCOPE_ASSIGN(m_made, fromBackend(m_place.backend().allocate(origin.elements * m_elementBytes, origin.spec.name)));
    DELTASCOPE_ASSIGN(m_source, DeviceSource::create(m_work, origin, std::move(places)));
    return {};
  }
  Result<void> run(Team&, const std::stop_token& stop) override {
    return makeOnDevice(*m_source, m_elementBytes, m_made.as<std::byte>(), stop);
  }
  Result<Comparison> compare(const FinalWeight& final) const override {
    Comparison comparison;
    DELTASCOPE_TRY(compareDense(m_place, m_made.data(), m_elementBytes, final, comparison));
    return comparison;
  }

 private:
  const BenchmarkPlace& m_place;
  std::shared_ptr<Variant> m_one;
  DeviceWork m_work;
  std::uint64_t m_elementBytes = 0;
  kernels::Buffer m_made;
  std::unique_ptr<DeviceSource> m_source;
};

template <class Kind>
Result<std::unique_ptr<Rebuild>> opened(const BenchmarkPlace& place, std::shared_ptr<Variant> one) {
  auto rebuild = std::make_unique<Kind>(std::move(one));
  DELTASCOPE_TRY(rebuild->open(place));
  return rebuild;
}

}  // namespace

Result<std::unique_ptr<Rebuild>> makeRebuild(const BenchmarkPlace& place, std::shared_ptr<Variant> one) {
  if (!place.backend().onHost()) {
    if (one->tensors.front().steps.empty())
      return fail(ErrorCode::Unsupported, "it has no delta: its products read the base as it is stored");
    auto rebuild = std::make_unique<DeviceRebuild>(place, std::move(one));
    DELTASCOPE_TRY(rebuild->open());
    return rebuild;
  }
  if (one->tensors.front().steps.empty()) return opened<BaseRebuild>(place, std::move(one));
  return opened<DeltaRebuild>(place, std::move(one));
}

Result<Timings> measureRebuild(const BenchmarkPlace& place, Rebuild& rebuild) {
  const auto timer = place.backend().makeTimer();
  Timings timings;
  place.recorder.pause();
  const unsigned warmup = std::min(place.request.warmup, place.request.repeat);
  for (unsigned i = 0; i < warmup + place.request.repeat; ++i) {
    timer->start();
    DELTASCOPE_TRY(rebuild.run(place.team, place.stop));
    timer->stop();
    DELTASCOPE_ASSIGN(const double milliseconds, fromBackend(timer->milliseconds()));
    if (i >= warmup) timings.add(milliseconds);
    place.tick();
    place.course.reached(static_cast<double>(i + 1) / (warmup + place.request.repeat));
  }
  DELTASCOPE_TRY(fromBackend(place.backend().synchronize()));
  return timings;
}

}  // namespace deltascope
