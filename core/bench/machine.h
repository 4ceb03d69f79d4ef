// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Where figures were taken.
#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "core/base/result.h"
#include "kernels/backend.h"

namespace deltascope {

struct MachineFacts {
  std::string processor, system;  ///< "AMD EPYC …", "Linux 6.1.0 x86_64"
  unsigned threads = 0;           ///< hardware threads this process may use
  std::uint64_t memoryBytes = 0;
};
struct DeviceFacts {
  std::string id, name, detail;  ///< detail: instruction sets, driver
  std::uint64_t memoryBytes = 0;
};
/// How busy the machine was while something was measured.
struct MachineLoad {
  double loadAverageBefore = 0, loadAverageAfter = 0;  ///< of one minute, /proc/loadavg
  unsigned processors = 0;                             ///< that this process may use
  double own = 0, others = 0;  ///< of these, kept busy on the average by this process and by all else (/proc/stat)
};
/// Watches from its making on. Threads: one at a time.
class LoadMeter {
 public:
  LoadMeter();
  /// Until now; empty: /proc cannot be read, or no time has passed.
  [[nodiscard]] std::optional<MachineLoad> load() const;

 private:
  struct Times {
    double busy = 0, own = 0, average = 0;  ///< processor seconds
    unsigned processors = 0;
    std::chrono::steady_clock::time_point when;
  };
  static Times now();
  Times m_start;
};
[[nodiscard]] MachineFacts machineFacts();
[[nodiscard]] DeviceFacts deviceFacts(const kernels::Backend& backend);

/// The commit this program was built from, "-dirty" where files had changed; "unknown" outside a repository.
[[nodiscard]] std::string buildCommit();

/// Bytes a second, read and written, of a plain copy on the device, as its own operations reach it: rows of an FP32 table into
/// another place, several times; the median. Takes and gives back 128 MiB, on a GPU 1 GiB.
[[nodiscard]] Result<double> copyRate(kernels::Backend& backend, const std::stop_token& stop);

}  // namespace deltascope
