// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Where a run is: its phase, tensor and step, and the share of the expected work that is done. Internal to core/bench.
#include <chrono>
#include <string>

#include "core/base/job.h"
#include "core/bench/bench.h"
#include "core/bench/forecast.h"
#include "core/runtime/variant.h"

namespace deltascope {

inline constexpr unsigned kMostBaselineRepetitions = 5;  ///< of a codec that reconstruction is compared with: they are slow

/// Reports at most ten times a second, between what is timed: `tensor` as "jit of NAME", and as many of the weights' bytes as
/// is done of the expected work, so that what is left follows from it. Threads: that of the run.
class BenchmarkCourse {
 public:
  explicit BenchmarkCourse(const JobContext& job) : m_job(job), m_start(Clock::now()) {}
  BenchmarkCourse(const BenchmarkCourse&) = delete;
  BenchmarkCourse& operator=(const BenchmarkCourse&) = delete;

  void phase(std::string name);
  /// The pieces of work that a tensor of the request is expected to be.
  void expect(const BenchmarkRequest& request, const TensorOrigin& origin);
  void expect(BenchmarkWork work, double seconds);
  void setTotals(std::uint64_t bytes, std::uint64_t tensors) {
    m_progress.bytesTotal = bytes;
    m_progress.tensorsTotal = tensors;
  }
  void beginTensor(const BenchmarkRequest& request, const TensorOrigin& origin);
  void endTensor();  ///< what was expected of it and did not come is forgotten

  /// One piece while it is in work. Only one that was finished teaches how long its kind takes.
  class Step {
   public:
    Step(BenchmarkCourse& course, BenchmarkWork work, double seconds, std::string label);
    ~Step();
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    /// So much of it is done, 0 … 1. Cheap.
    void reached(double fraction);
    void finish();

   private:
    BenchmarkCourse& m_course;
    bool m_open = true;
  };
  /// Of the tensor that was begun.
  [[nodiscard]] Step step(BenchmarkWork work) {
    return {*this, work, m_pieces[static_cast<std::size_t>(work)], std::string(nameOf(work))};
  }
  /// Of a generation; `label` is its mode.
  [[nodiscard]] Step step(BenchmarkWork work, double seconds, std::string label);
  /// Of the step in work.
  void reached(double fraction);
  void finish();  ///< reports that nothing is left

 private:
  using Clock = std::chrono::steady_clock;
  using Pieces = std::array<double, kBenchmarkWorks>;
  static constexpr std::chrono::milliseconds kInterval{100};
  static Pieces piecesOf(const BenchmarkRequest& request, const TensorOrigin& origin);
  [[nodiscard]] double since(Clock::time_point start) const {
    return std::chrono::duration<double>(Clock::now() - start).count();
  }
  void report(bool now);

  const JobContext& m_job;
  Clock::time_point m_start, m_last{}, m_stepStart{};
  Forecast m_forecast;
  Forecast::Running m_running;
  Pieces m_pieces{};  ///< of the tensor in work, as far as they are to come
  Progress m_progress;
  std::string m_tensor;  ///< in work
};

}  // namespace deltascope
