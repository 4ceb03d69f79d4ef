// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <thread>

#include "kernels/backend.h"

namespace deltascope::kernels {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();
constexpr const char* kNoBackend = "this build has no CUDA backend";

struct Memory {
  std::uint64_t total = 0, available = 0;
};

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
void limitTo(const fs::path& group, const char* limitFile, const char* usedFile, const char* cacheKey, Memory& memory) {
  const std::uint64_t limit = numberIn(group / limitFile, "").value_or(kNoLimit);  // "max" is no number
  if (limit >= memory.total) return;
  const std::uint64_t used = numberIn(group / usedFile, "").value_or(0);
  const std::uint64_t cache = std::min(used, numberIn(group / "memory.stat", cacheKey).value_or(0));
  memory.total = limit;
  memory.available = std::min(memory.available, limit - std::min(limit, used - cache));
}

/// The machine's memory, within the limits of the control groups this process is in (cgroup v2, then v1).
Memory memoryHere() {
  Memory memory{numberIn("/proc/meminfo", "MemTotal:").value_or(0) * 1024,
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

DeviceInfo processor() {
  DeviceInfo info;
  info.id = "cpu";
  info.name = processorName();
  info.usable = true;
  info.detail = std::string("instruction set in use: ") + kernels::nameOf(bestIsa());
  info.threads = allowedThreads();
  const Memory memory = memoryHere();
  info.memoryBytes = memory.total;
  info.memoryFreeBytes = memory.available;
  return info;
}

DeviceInfo noGpu(std::string reason) {
  DeviceInfo info;
  info.id = "cuda";
  info.reason = std::move(reason);
  return info;
}

/// The few calls of the CUDA driver API that count GPUs (docs.nvidia.com/cuda/cuda-driver-api).
class Driver {
 public:
  Driver() : m_library(dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL)) {}
  ~Driver() {
    if (m_library) dlclose(m_library);
  }
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  [[nodiscard]] bool found() const { return m_library != nullptr; }

  /// The driver's result code, or −1 when it lacks the function.
  template <class... Arguments>
  int call(const char* name, Arguments... arguments) const {
    void* symbol = dlsym(m_library, name);
    return symbol ? reinterpret_cast<int (*)(Arguments...)>(symbol)(arguments...) : -1;
  }

 private:
  void* m_library;
};

DeviceInfo gpu(const Driver& driver, int index, const std::string& version) {
  DeviceInfo info;
  info.id = "cuda:" + std::to_string(index);
  info.reason = kNoBackend;
  info.detail = version;
  int handle = 0;
  char name[256] = {};
  std::size_t bytes = 0;
  if (driver.call("cuDeviceGet", &handle, index) != 0) return info;
  if (driver.call("cuDeviceGetName", static_cast<char*>(name), int{sizeof name - 1}, handle) == 0) info.name = name;
  if (driver.call("cuDeviceTotalMem_v2", &bytes, handle) == 0) info.memoryBytes = bytes;
  return info;
}

void appendGpus(std::vector<DeviceInfo>& devices) {
  const Driver driver;
  if (!driver.found()) return devices.push_back(noGpu("no NVIDIA driver found (libcuda.so.1)"));
  if (const int code = driver.call("cuInit", 0u); code != 0)
    return devices.push_back(noGpu("the NVIDIA driver does not start (cuInit: error " + std::to_string(code) + ")"));
  int count = 0, version = 0;
  if (driver.call("cuDeviceGetCount", &count) != 0 || count <= 0)
    return devices.push_back(noGpu("the NVIDIA driver finds no GPU"));
  std::string driverText;
  if (driver.call("cuDriverGetVersion", &version) == 0)
    driverText = "driver for CUDA " + std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
  for (int i = 0; i < count; ++i) devices.push_back(gpu(driver, i, driverText));
}

}  // namespace

std::vector<DeviceInfo> devices() {
  std::vector<DeviceInfo> found;
  try {
    found.push_back(processor());
    appendGpus(found);
  } catch (const std::exception&) {
    // Only memory for a few strings can be missing here; what was found so far is still true.
  }
  return found;
}

}  // namespace deltascope::kernels
