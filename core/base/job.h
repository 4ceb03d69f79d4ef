// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What every long-running call of the engine takes besides its request.
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

namespace deltascope {

/// How far a job is. Totals are 0 while unknown. `seconds` counts from the job's start.
struct Progress {
  std::string phase;            ///< "reading scales", "packing", "verifying" …: a word or two for the user
  std::string tensor;           ///< the tensor last finished or being worked on
  std::uint64_t bytesDone = 0;  ///< bytes of final weights
  std::uint64_t bytesTotal = 0;
  std::uint64_t tensorsDone = 0;
  std::uint64_t tensorsTotal = 0;
  double seconds = 0;

  /// Bytes a second since the start; 0 before there is something to say.
  [[nodiscard]] double throughput() const;
  /// Seconds left at the present throughput; negative while unknown.
  [[nodiscard]] double eta() const;
};

/// Threads: `progress` is called from the thread that called the job, at most about 30 times a second and once at the end.
/// A stop request ends the job within 200 ms with ErrorCode::Cancelled and leaves no partial output.
struct JobContext {
  std::stop_token stop;
  std::function<void(const Progress&)> progress;
  unsigned threads = 0;  ///< 0: as many as the machine has

  [[nodiscard]] unsigned threadCount() const;
};

}  // namespace deltascope
