// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/driver_memory.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <unistd.h>

#include <vector>

namespace deltascope::kernels::cuda {
namespace {

constexpr int kSuccess = 0, kTooSmall = 7;  // NVML_SUCCESS, NVML_ERROR_INSUFFICIENT_SIZE
constexpr std::uint64_t kNotAvailable = ~std::uint64_t{0};
using Device = void*;

/// nvmlProcessInfo_t since version 2 of the call.
struct ProcessInfo {
  unsigned pid;
  unsigned long long bytes;
  unsigned gpuInstance, computeInstance;
};

class Nvml final : public DriverMemory {
 public:
  ~Nvml() override {
    if (!m_library) return;
    if (m_started) call<int()>("nvmlShutdown");
    dlclose(m_library);
  }
  bool start(const char* busId) {
    m_library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!m_library || call<int()>("nvmlInit_v2") != kSuccess) return false;
    m_started = true;
    for (const char* name : {"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"})
      if (!m_list) m_list = reinterpret_cast<List*>(dlsym(m_library, name));
    return m_list && call<int(const char*, Device*)>("nvmlDeviceGetHandleByPciBusId_v2", busId, &m_device) == kSuccess;
  }
  std::optional<std::uint64_t> own() const override {
    std::vector<ProcessInfo> processes(64);
    auto count = static_cast<unsigned>(processes.size());
    int code = m_list(m_device, &count, processes.data());
    if (code == kTooSmall) {
      processes.resize(count + 16);
      count = static_cast<unsigned>(processes.size());
      code = m_list(m_device, &count, processes.data());
    }
    if (code != kSuccess || count > processes.size()) return std::nullopt;
    const auto self = static_cast<unsigned>(getpid());
    for (unsigned i = 0; i < count; ++i)
      if (processes[i].pid == self && processes[i].bytes != kNotAvailable) return processes[i].bytes;
    return std::nullopt;
  }

 private:
  using List = int(Device, unsigned*, ProcessInfo*);
  template <class Function, class... Arguments>
  int call(const char* name, Arguments... arguments) const {
    const auto function = reinterpret_cast<Function*>(dlsym(m_library, name));
    return function ? function(arguments...) : -1;
  }
  void* m_library = nullptr;
  List* m_list = nullptr;
  Device m_device = nullptr;
  bool m_started = false;
};

}  // namespace

std::unique_ptr<DriverMemory> DriverMemory::open(int index) {
  char busId[32] = {};
  if (cudaDeviceGetPCIBusId(busId, sizeof busId, index) != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    return nullptr;
  }
  auto nvml = std::make_unique<Nvml>();
  if (!nvml->start(busId)) return nullptr;
  return nvml;
}

}  // namespace deltascope::kernels::cuda
