// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "core/base/number.h"
#include "core/bench/machine.h"

namespace deltascope {
namespace {

double seconds(const timeval& time) { return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec); }

}  // namespace

/// proc(5): a line "cpuN user nice system idle iowait irq softirq steal …" in clock ticks for each processor.
LoadMeter::Times LoadMeter::now() {
  Times times;
  times.when = std::chrono::steady_clock::now();
  cpu_set_t allowed;
  const bool known = sched_getaffinity(0, sizeof allowed, &allowed) == 0;
  std::ifstream stat("/proc/stat");
  double ticks = 0;
  for (std::string line; std::getline(stat, line);) {
    if (!line.starts_with("cpu") || line.size() < 4 || line[3] == ' ') continue;
    std::istringstream words(line.substr(3));
    unsigned number = 0;
    double user = 0, nice = 0, system = 0, idle = 0, waiting = 0, interrupts = 0, soft = 0, stolen = 0;
    if (!(words >> number >> user >> nice >> system >> idle >> waiting >> interrupts >> soft >> stolen)) continue;
    if (known && (number >= CPU_SETSIZE || !CPU_ISSET(number, &allowed))) continue;
    ticks += user + nice + system + interrupts + soft + stolen;
    ++times.processors;
  }
  times.busy = ticks / static_cast<double>(std::max(1L, sysconf(_SC_CLK_TCK)));
  rusage used{};
  if (getrusage(RUSAGE_SELF, &used) == 0) times.own = seconds(used.ru_utime) + seconds(used.ru_stime);
  std::ifstream("/proc/loadavg") >> times.average;
  return times;
}

LoadMeter::LoadMeter() : m_start(now()) {}

std::optional<MachineLoad> LoadMeter::load() const {
  const Times end = now();
  const double passed = std::chrono::duration<double>(end.when - m_start.when).count();
  if (end.processors == 0 || end.processors != m_start.processors || passed <= 0) return std::nullopt;
  MachineLoad load;
  load.processors = end.processors;
  load.loadAverageBefore = m_start.average;
  load.loadAverageAfter = end.average;
  const double busy = std::max(0.0, end.busy - m_start.busy) / passed;
  load.own = rounded((end.own - m_start.own) / passed, 3);
  load.others = rounded(std::max(0.0, busy - load.own), 3);
  return load;
}

}  // namespace deltascope
