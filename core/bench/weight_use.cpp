// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <random>

#include "core/base/failure.h"
#include "core/bench/tensor_bench.h"

namespace deltascope {
namespace {

constexpr double kLeastWarmupMs = 5;  // a processor takes as long to come to its speed

/// Between −1 and 1, never 0.
std::vector<float> randomInput(std::uint64_t seed, std::uint64_t count) {
  std::mt19937_64 random(seed);
  std::vector<float> x(count);
  for (float& value : x) value = (static_cast<float>(random() >> 41) + 0.5f) * 0x1p-22f - 1.0f;
  return x;
}

}  // namespace

Result<WeightUse> WeightUse::create(const BenchmarkPlace& place, const TensorOrigin& origin, float epsilon) {
  kernels::Backend& backend = place.backend();
  WeightUse use;
  use.m_tensor = origin.spec.name;
  use.m_use = useOf(origin.spec.role);
  use.m_batch = place.request.batch;
  use.m_epsilon = epsilon;
  const std::uint64_t columns = origin.spec.shape.back();
  use.m_outputs = use.m_batch * (use.m_use == BenchmarkUse::Product ? origin.spec.shape.front() : columns);
  const auto x = randomInput(place.request.seed, use.m_batch * columns);
  DELTASCOPE_ASSIGN(use.m_x, fromBackend(backend.allocate(x.size() * sizeof(float), "the input")));
  DELTASCOPE_ASSIGN(use.m_y, fromBackend(backend.allocate(use.m_outputs * sizeof(float), "the output")));
  backend.copyIn(use.m_x.data(), x.data(), x.size() * sizeof(float));
  return use;
}

Result<void> WeightUse::use(kernels::Backend& backend, const kernels::Matrix& weight) const {
  if (m_use == BenchmarkUse::Product) {
    kernels::MatmulArgs args;
    args.weight = weight;
    args.x = m_x.as<float>();
    args.y = m_y.as<float>();
    args.tokens = m_batch;
    return fromBackend(backend.matmul(args));
  }
  kernels::RmsNormArgs args;
  args.x = m_x.as<float>();
  args.y = m_y.as<float>();
  args.weight = weight.elements;
  args.weightType = weight.type;
  args.rows = m_batch;
  args.columns = static_cast<std::uint32_t>(weight.columns);
  args.epsilon = m_epsilon;
  backend.rmsNorm(args);
  return {};
}

Result<Timings> WeightUse::measure(const BenchmarkPlace& place, std::string_view mode, unsigned repeat,
                                   const std::function<Result<kernels::Matrix>()>& prepare) {
  kernels::Backend& backend = place.backend();
  const auto timer = backend.makeTimer();
  Timings timings;
  place.recorder.pause();
  const unsigned warmup = std::min(place.request.warmup, repeat);
  double warmedMs = 0;
  for (unsigned i = 0; i < warmup + repeat;) {
    if (place.stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    timer->start();
    DELTASCOPE_ASSIGN(const kernels::Matrix weight, prepare());
    DELTASCOPE_TRY(use(backend, weight));
    timer->stop();
    DELTASCOPE_ASSIGN(const double milliseconds, fromBackend(timer->milliseconds()));
    place.tick();
    if (i < warmup) {
      warmedMs += milliseconds;
      if (++i == warmup && warmedMs < kLeastWarmupMs) --i;
      continue;
    }
    ++i;
    timings.add(milliseconds);
    place.recorder.latency(m_tensor, mode, milliseconds);
    place.course.reached(static_cast<double>(i) / (warmup + repeat));
  }
  DELTASCOPE_TRY(fromBackend(backend.synchronize()));
  return timings;
}

Result<void> WeightUse::describeOutput(const BenchmarkPlace& place, BenchmarkRow& row) const {
  std::vector<float> y(m_outputs);
  place.backend().copyOut(y.data(), m_y.data(), y.size() * sizeof(float));
  DELTASCOPE_TRY(fromBackend(place.backend().synchronize()));
  double sum = 0;
  for (const float value : y) sum += static_cast<double>(value) * static_cast<double>(value);
  row.outputNorm = std::sqrt(sum);
  row.outputCount = y.size();
  row.outputHash = toHex(hash128(std::as_bytes(std::span(y))));
  return {};
}

}  // namespace deltascope
