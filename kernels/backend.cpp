// SPDX-License-Identifier: Apache-2.0
// What a device without a way of its own does.
#include "kernels/backend.h"

#include <chrono>

namespace deltascope::kernels {
namespace {

/// For devices whose operations have ended when the calls return.
class ClockTimer final : public Timer {
 public:
  void start() override { m_start = Clock::now(); }
  void stop() override { m_stop = Clock::now(); }
  Outcome<double> milliseconds() override { return std::chrono::duration<double, std::milli>(m_stop - m_start).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point m_start, m_stop;
};

}  // namespace

void Backend::copyRows(const CopyRowsArgs& args) {
  for (std::uint64_t row = 0; row < args.rows; ++row)
    copyOnDevice(args.to + row * args.columns, args.from + row * args.stride, args.columns * sizeof(float));
}

Outcome<void> Backend::normedMatmul(const RmsNormArgs& norm, std::span<const MatmulArgs> args) {
  rmsNorm(norm);
  for (const auto& one : args)
    if (auto done = matmul(one); !done) return done;
  return {};
}

Outcome<void> Backend::gatedMatmul(const RmsNormArgs& norm, const MatmulArgs& gate, const MatmulArgs& up) {
  if (norm.weight) rmsNorm(norm);
  if (auto done = matmul(gate); !done) return done;
  if (auto done = matmul(up); !done) return done;
  siluMultiply({gate.y, up.y, gate.y, gate.tokens * gate.weight.rows});
  return {};
}

Outcome<void> Backend::lacks(std::string_view operation) const {
  return tl::unexpected(
      Failure{Failure::Kind::Unsupported, device().id + " has no " + std::string(operation) + " yet", "use the device cpu"});
}

Outcome<void> Backend::geluMultiply(const GateMultiplyArgs&) { return lacks("GELU"); }
Outcome<void> Backend::sigmoidMultiply(const GateMultiplyArgs&) { return lacks("sigmoid gates"); }
Outcome<void> Backend::clampedGateMultiply(const ClampedGateArgs&) { return lacks("clamped gates"); }
Outcome<void> Backend::scale(const ScaleArgs&) { return lacks("scaling of activations"); }
Outcome<void> Backend::addScaled(const AddScaledArgs&) { return lacks("sums of activations"); }
Outcome<void> Backend::softCap(const SoftCapArgs&) { return lacks("soft caps"); }
Outcome<void> Backend::convolve(const ConvolveArgs&) { return lacks("convolutions"); }
Outcome<void> Backend::deltaRule(const DeltaRuleArgs&) { return lacks("recurrent layers"); }

Outcome<void> Backend::checkAttention(const AttentionArgs& args) const {
  const KvLayer& cache = args.cache;
  const auto refuse = [&](const std::string& what, const char* hint) {
    return tl::unexpected(Failure{Failure::Kind::Unsupported, "attention on " + device().id + ": " + what, hint});
  };
  if (cache.headDim > mostHeadDim())
    return refuse("heads of " + std::to_string(cache.headDim) + " elements are wider than the " +
                      std::to_string(mostHeadDim()) + " that it has room for",
                  "use the device cpu");
  if (cache.headDim == 0 || cache.kvHeads == 0 || args.heads % cache.kvHeads != 0)
    return refuse(std::to_string(args.heads) + " heads of " + std::to_string(cache.headDim) + " elements over " +
                      std::to_string(cache.kvHeads) + " key-value heads",
                  "");
  if (args.tokens > cache.capacity || args.firstPosition > cache.capacity - args.tokens)
    return refuse(std::to_string(args.tokens) + " tokens from position " + std::to_string(args.firstPosition) +
                      " in a cache of " + std::to_string(cache.capacity),
                  "");
  return {};
}

Outcome<void> Backend::attend(const AttendArgs& args) {
  const AttentionArgs attention = attentionOf(args);
  if (auto fits = checkAttention(attention); !fits) return fits;
  const KvLayer& cache = args.cache;
  if (args.queryNorm)
    rmsNorm(
        {args.q, args.q, args.queryNorm, args.normType, args.tokens * args.heads, cache.headDim, args.epsilon, args.addOne});
  if (args.k && args.keyNorm)
    rmsNorm(
        {args.k, args.k, args.keyNorm, args.normType, args.tokens * cache.kvHeads, cache.headDim, args.epsilon, args.addOne});
  if (args.cosine) {
    rope({args.q, args.cosine, args.sine, args.tokens, args.heads, cache.headDim, args.rotated});
    if (args.k) rope({args.k, args.cosine, args.sine, args.tokens, cache.kvHeads, cache.headDim, args.rotated});
  }
  if (args.k) storeKv({cache, args.k, args.v, args.tokens, args.firstPosition});
  return this->attention(attention);
}

Outcome<bool> Backend::beginPass(const PassArgs&) { return false; }
Outcome<void> Backend::endPass() { return {}; }

std::unique_ptr<Timer> Backend::makeTimer() { return std::make_unique<ClockTimer>(); }

DeviceMemoryUse Backend::deviceMemory() const {
  const DeviceInfo& info = device();
  return {info.memoryBytes, info.memoryFreeBytes, 0, {}};
}

}  // namespace deltascope::kernels
