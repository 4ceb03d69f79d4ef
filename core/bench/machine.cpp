// SPDX-License-Identifier: Apache-2.0
#include "core/bench/machine.h"

#include <sys/utsname.h>

#include <numeric>
#include <vector>

#include "core/base/failure.h"
#include "core/bench/timings.h"

namespace deltascope {

MachineFacts machineFacts() {
  MachineFacts facts;
  const auto devices = kernels::devices();
  if (!devices.empty()) {
    facts.processor = devices.front().name;
    facts.threads = devices.front().threads;
    facts.memoryBytes = devices.front().memoryBytes;
  }
  utsname system{};
  if (uname(&system) == 0) facts.system = std::string(system.sysname) + " " + system.release + " " + system.machine;
  return facts;
}

DeviceFacts deviceFacts(const kernels::Backend& backend) {
  const auto& device = backend.device();
  return {device.id, device.name, device.detail, device.memoryBytes};
}

Result<double> copyRate(kernels::Backend& backend, const std::stop_token& stop) {
  constexpr int kRounds = 9;
  const bool processor = !backend.gpu();
  const std::uint32_t rowCount = processor ? 4096 : 8192, columns = processor ? 4096 : 16384;
  const std::uint64_t bytes = std::uint64_t{rowCount} * columns * sizeof(float);
  DELTASCOPE_ASSIGN(const auto from, fromBackend(backend.allocate(bytes, "the copy probe")));
  DELTASCOPE_ASSIGN(const auto to, fromBackend(backend.allocate(bytes, "the copy probe")));
  {
    const std::vector<float> ones(bytes / sizeof(float), 1.0f);
    backend.copyIn(from.data(), ones.data(), bytes);
  }
  std::vector<std::uint32_t> rows(rowCount);
  std::iota(rows.begin(), rows.end(), 0u);
  kernels::GatherRowsArgs args;
  args.table.type = kernels::ElementType::F32;
  args.table.rows = rowCount;
  args.table.columns = columns;
  args.table.elements = from.data();
  args.rows = rows.data();
  args.count = rowCount;
  args.into = to.as<float>();
  const auto timer = backend.makeTimer();
  Timings milliseconds;
  for (int round = 0; round <= kRounds; ++round) {
    if (stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    timer->start();
    DELTASCOPE_TRY(fromBackend(backend.gatherRows(args)));
    timer->stop();
    DELTASCOPE_ASSIGN(const double taken, fromBackend(timer->milliseconds()));
    if (round > 0) milliseconds.add(taken);
  }
  DELTASCOPE_TRY(fromBackend(backend.synchronize()));
  return rounded(2e3 * static_cast<double>(bytes) / milliseconds.median(), 6);
}

}  // namespace deltascope
