// SPDX-License-Identifier: Apache-2.0
#pragma once
/// One tensor measured: resident, in each mode, and as the other codecs would hold it. Internal to core/bench.
#include "core/bench/course.h"
#include "core/bench/final_weight.h"
#include "core/bench/recorder.h"
#include "core/bench/select.h"
#include "core/runtime/host.h"
#include "core/runtime/plan.h"

namespace deltascope {

/// What the tensors of a run share.
struct BenchmarkPlace {
  const BenchmarkRequest& request;
  std::shared_ptr<Host> host;
  Team& team;
  unsigned threads = 1;
  double copyBytesPerSecond = 0;
  std::stop_token stop;
  Recorder& recorder;
  BenchmarkCourse& course;

  [[nodiscard]] kernels::Backend& backend() const { return host->backend(); }
  void tick() const {
    recorder.tick(backend().memory().use().current, [this] { return backend().deviceMemory(); });
  }
};

/// Input, output and clock of one weight's use: the seed and the shape decide x, whatever the device.
class WeightUse {
 public:
  [[nodiscard]] static Result<WeightUse> create(const BenchmarkPlace& place, const TensorOrigin& origin, float epsilon);
  /// After the warm-up, which takes 5 ms at least where there is one; stops between repetitions. `prepare` runs inside what is
  /// timed.
  [[nodiscard]] Result<Timings> measure(const BenchmarkPlace& place, std::string_view mode, unsigned repeat,
                                        const std::function<Result<kernels::Matrix>()>& prepare);
  /// What the last use gave, into the row.
  [[nodiscard]] Result<void> describeOutput(const BenchmarkPlace& place, BenchmarkRow& row) const;

 private:
  [[nodiscard]] Result<void> use(kernels::Backend& backend, const kernels::Matrix& weight) const;
  std::string m_tensor;
  BenchmarkUse m_use = BenchmarkUse::Product;
  std::uint32_t m_batch = 1;
  std::uint64_t m_outputs = 0;
  float m_epsilon = 0;
  kernels::Buffer m_x, m_y;
};

/// The plan of a variant of one tensor that puts it there, or where it can be; input and output are held already.
/// InvalidArgument when the budget is too small.
[[nodiscard]] Result<MemoryPlan> planOne(const BenchmarkPlace& place, const Variant& one, Placement placement,
                                         std::optional<std::uint64_t> budget);

/// A limit (0: none) and the peak of one mode; limit and scratch are taken back at the end.
class ModeMemory {
 public:
  ModeMemory(const BenchmarkPlace& place, std::uint64_t limit);
  ~ModeMemory();
  ModeMemory(const ModeMemory&) = delete;
  ModeMemory& operator=(const ModeMemory&) = delete;

 private:
  kernels::Backend& m_backend;
};

/// Adds rows for the tensor of `one`, a variant of one tensor; a mode that has no room is skipped. Cancelled, or the failure of
/// the device or of a file; what was measured has been added.
[[nodiscard]] Result<void> measureTensor(const BenchmarkPlace& place, const std::shared_ptr<Variant>& one);

/// What the row's reconstruction reads and writes a second, over the machine's copy rate; 0 where that says nothing.
[[nodiscard]] double copyShareOf(const BenchmarkPlace& place, const BenchmarkRow& row, std::uint64_t read);

/// What all rows of a tensor have.
[[nodiscard]] BenchmarkRow rowOf(const BenchmarkPlace& place, const TensorOrigin& origin, std::string mode);

/// The same tensor in the other ways, without a budget: each codec's encoding made in memory and decoded on the processor for
/// each use, and the base alone.
[[nodiscard]] Result<void> measureBaselines(const BenchmarkPlace& place, const std::shared_ptr<Variant>& one,
                                            const FinalWeight& final, const Timings& residentMs);

}  // namespace deltascope
