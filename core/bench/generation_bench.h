// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Generation measured: the model as asked for, and beside it all of it resident, and its base alone. Internal to core/bench.
#include "core/bench/course.h"
#include "core/bench/recorder.h"

namespace deltascope {

/// How long generation is expected to take: loading and generating, for each of its modes.
class GenerationWork {
 public:
  /// `bytes`: of all final weights; `delta`: whether the base alone is another model.
  GenerationWork(const BenchmarkRequest& request, std::uint64_t bytes, bool delta)
      : m_request(request), m_bytes(bytes), m_delta(delta) {}
  [[nodiscard]] static BenchmarkWork kindOf(std::string_view mode);
  [[nodiscard]] double loadSeconds() const { return expectedSeconds(BenchmarkWork::Load, m_bytes, 1); }
  [[nodiscard]] double seconds(BenchmarkWork work) const;
  void expect(BenchmarkCourse& course) const;

 private:
  const BenchmarkRequest& m_request;
  std::uint64_t m_bytes;
  bool m_delta;
};

/// Adds a row for each mode of the request, and the baselines' rows.
[[nodiscard]] Result<void> measureGeneration(const BenchmarkRequest& request, const JobContext& job, Recorder& recorder,
                                             BenchmarkCourse& course, const GenerationWork& work);

}  // namespace deltascope
