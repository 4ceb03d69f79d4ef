// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/processor.h"

#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <thread>

namespace deltascope::kernels {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

std::optional<std::uint64_t> leadingNumber(std::string_view text) {
  const auto start = text.find_first_of("0123456789");
  if (start == std::string_view::npos) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data() + start, text.data() + text.size(), value);
  return error == std::errc{} ? std::optional(value) : std::nullopt;
}

/// The rest of the first line of `path` that starts with `key`; with an empty key, its first line.
std::optional<std::string> lineOf(const fs::path& path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key)) return line.substr(key.size());
  return std::nullopt;
}

std::optional<std::uint64_t> numberIn(const fs::path& path, std::string_view key) {
  const auto line = lineOf(path, key);
  return line ? leadingNumber(*line) : std::nullopt;
}

std::string processorName() {
  if (const auto line = lineOf("/proc/cpuinfo", "model name"))
    if (const auto start = line->find_first_not_of("\t :"); start != std::string::npos) return line->substr(start);
  utsname system{};
  return uname(&system) == 0 ? std::string(system.machine) + " processor" : "processor";
}

unsigned allowedThreads() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
  return std::max(1u, std::thread::hardware_concurrency());
}

/// What one control group still allows; page cache that can be dropped does not count as used.
void limitTo(const fs::path& group, const char* limitFile, const char* usedFile, const char* cacheKey,
             ProcessorMemory& memory) {
  const std::uint64_t limit = numberIn(group / limitFile, "").value_or(kNoLimit);  // "max" is no number
  if (limit >= memory.total) return;
  const std::uint64_t used = numberIn(group / usedFile, "").value_or(0);
  const std::uint64_t cache = std::min(used, numberIn(group / "memory.stat", cacheKey).value_or(0));
  memory.total = limit;
  memory.available = std::min(memory.available, limit - std::min(limit, used - cache));
}

}  // namespace

ProcessorMemory processorMemory() {
  ProcessorMemory memory{numberIn("/proc/meminfo", "MemTotal:").value_or(0) * 1024,
                         numberIn("/proc/meminfo", "MemAvailable:").value_or(0) * 1024};
  const fs::path root = "/sys/fs/cgroup";
  if (const auto own = lineOf("/proc/self/cgroup", "0::/")) {
    for (fs::path group = *own;; group = group.parent_path()) {
      limitTo(root / group, "memory.max", "memory.current", "inactive_file ", memory);
      if (group == group.parent_path()) break;
    }
  }
  limitTo(root / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ", memory);
  return memory;
}

std::uint64_t residentBytes() { return numberIn("/proc/self/status", "VmRSS:").value_or(0) * 1024; }

DeviceInfo processor() {
  DeviceInfo info;
  info.id = "cpu";
  info.name = processorName();
  info.usable = true;
  info.detail = std::string("instruction set in use: ") + kernels::nameOf(bestIsa());
  info.threads = allowedThreads();
  const ProcessorMemory memory = processorMemory();
  info.memoryBytes = memory.total;
  info.memoryFreeBytes = memory.available;
  return info;
}

}  // namespace deltascope::kernels
