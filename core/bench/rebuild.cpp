// SPDX-License-Identifier: Apache-2.0
#include "core/bench/rebuild.h"

#include <algorithm>

#include "core/base/failure.h"
#include "core/base/units.h"
#include "core/bench/verify_matrix.h"
#include "core/runtime/forms/forms.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kRangeElements = 32 * kTileElements;

/// Without a delta, where the base can be read in place: its values, copied or dequantized.
class BaseRebuild final : public Rebuild {
 public:
  BaseRebuild(std::shared_ptr<Variant> one, std::shared_ptr<const ResidentBase> base)
      : m_one(std::move(one)), m_base(std::move(base)), m_made(origin().elements * bytesOf(origin().dtype)) {}
  Result<void> run(Team& team, const std::stop_token& stop) override {
    const std::uint64_t elements = origin().elements, size = bytesOf(origin().dtype);
    return team.run(static_cast<std::size_t>(ceilDiv(elements, kRangeElements)), stop, [&](std::size_t i) -> Result<void> {
      const std::uint64_t first = i * kRangeElements, count = std::min(kRangeElements, elements - first);
      baseValues(m_base->slice(origin().dtype, {first, count}), m_made.span().subspan(first * size, count * size));
      return {};
    });
  }
  Result<Comparison> compare(const FinalWeight& final) const override {
    Comparison comparison;
    comparison.add(m_made.span(), final.bytes.span(), bytesOf(origin().dtype), 0);
    return comparison;
  }

 private:
  [[nodiscard]] const TensorOrigin& origin() const { return m_one->tensors.front(); }
  std::shared_ptr<Variant> m_one;
  std::shared_ptr<const ResidentBase> m_base;
  HostBytes m_made;
};

/// Base and delta as a device holds them apart: all that its source makes, there or on the host.
class MadeRebuild final : public Rebuild {
 public:
  MadeRebuild(const BenchmarkPlace& place, std::shared_ptr<Variant> one)
      : m_place(place), m_forms(place.host, std::move(one)) {}
  Result<void> open() {
    DELTASCOPE_ASSIGN(m_weight, formsOf(m_place.backend()).made.load(origin(), m_forms, m_place.stop));
    const std::uint64_t bytes = origin().elements * m_size;
    if (!source().onDevice()) {
      m_made = HostBytes(bytes);
      return {};
    }
    DELTASCOPE_ASSIGN(m_there, fromBackend(m_place.backend().allocate(bytes, origin().spec.name)));
    return {};
  }
  Result<void> run(Team& team, const std::stop_token& stop) override {
    return m_there ? makeOnDevice(source(), m_size, m_there.as<std::byte>(), stop)
                   : makeAll(source(), m_size, m_made.span(), team, stop);
  }
  Result<Comparison> compare(const FinalWeight& final) const override {
    Comparison comparison;
    if (m_there)
      DELTASCOPE_TRY(compareDense(m_place, m_there.data(), m_size, final, comparison));
    else
      comparison.add(m_made.span(), final.bytes.span(), m_size, 0);
    return comparison;
  }

 private:
  [[nodiscard]] const TensorOrigin& origin() const { return m_forms.variant->tensors.front(); }
  [[nodiscard]] const kernels::ElementSource& source() const { return *m_weight->matrix().source; }
  const BenchmarkPlace& m_place;
  FormPlace m_forms;
  const std::uint64_t m_size = bytesOf(origin().dtype);
  std::unique_ptr<HeldWeight> m_weight;
  HostBytes m_made;
  kernels::Buffer m_there;
};

}  // namespace

Result<std::unique_ptr<Rebuild>> makeRebuild(const BenchmarkPlace& place, std::shared_ptr<Variant> one) {
  if (!one->tensors.front().steps.empty()) {
    auto rebuild = std::make_unique<MadeRebuild>(place, std::move(one));
    DELTASCOPE_TRY(rebuild->open());
    return rebuild;
  }
  if (!place.host->inPlace())
    return fail(ErrorCode::Unsupported, "it has no delta: its products read the base as it is stored");
  DELTASCOPE_ASSIGN(auto base, place.host->base(*one->base, one->tensors.front(), place.stop));
  return std::make_unique<BaseRebuild>(std::move(one), std::move(base));
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
