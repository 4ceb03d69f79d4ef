// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A whole weight made again and again from what memory holds of it: reconstruction alone, without a product. Internal to
/// core/bench.
#include <memory>

#include "core/bench/tensor_bench.h"

namespace deltascope {

class Rebuild {
 public:
  virtual ~Rebuild() = default;
  /// Makes every element into the object's own memory.
  [[nodiscard]] virtual Result<void> run(Team& team, const std::stop_token& stop) = 0;
  /// The elements that the last run made, on the host.
  [[nodiscard]] virtual Result<Comparison> compare(const FinalWeight& final) const = 0;
};

/// Base and deltas of the tensor of `one` in the device's memory, which is accounted; the result is not. Unsupported: the
/// device has no way to rebuild it alone.
[[nodiscard]] Result<std::unique_ptr<Rebuild>> makeRebuild(const BenchmarkPlace& place, std::shared_ptr<Variant> one);

/// Repetitions of `run` by the device's clock, after the warm-up.
[[nodiscard]] Result<Timings> measureRebuild(const BenchmarkPlace& place, Rebuild& rebuild);

}  // namespace deltascope
