// SPDX-License-Identifier: Apache-2.0
#include "core/base/job.h"

#include <algorithm>
#include <thread>

namespace deltascope {
namespace {
constexpr unsigned kMostThreads = 512;
}

double Progress::throughput() const { return seconds > 0 ? static_cast<double>(bytesDone) / seconds : 0.0; }

double Progress::eta() const {
  const double rate = throughput();
  if (bytesTotal == 0 || rate <= 0) return -1;
  return bytesDone >= bytesTotal ? 0 : static_cast<double>(bytesTotal - bytesDone) / rate;
}

unsigned JobContext::threadCount() const {
  return std::clamp(threads ? threads : std::thread::hardware_concurrency(), 1u, kMostThreads);
}

}  // namespace deltascope
