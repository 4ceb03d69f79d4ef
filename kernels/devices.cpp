// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>

#include <exception>

#include "kernels/backend.h"
#include "kernels/cpu/processor.h"
#include "kernels/gpu_library.h"

namespace deltascope::kernels {
namespace {

/// The backend, in words: for whom it was built, or why there is none.
std::string backendText() {
  const GpuLibraryFound& backend = gpuLibrary();
  return backend.library ? std::string("CUDA backend for ") + backend.library->architectures : backend.reason;
}

DeviceInfo noGpu(std::string reason) {
  DeviceInfo info;
  info.id = "cuda";
  info.detail = backendText();
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
  info.detail = version;
  int handle = 0;
  char name[256] = {};
  std::size_t bytes = 0;
  if (driver.call("cuDeviceGet", &handle, index) == 0) {
    if (driver.call("cuDeviceGetName", static_cast<char*>(name), int{sizeof name - 1}, handle) == 0) info.name = name;
    if (driver.call("cuDeviceTotalMem_v2", &bytes, handle) == 0) info.memoryBytes = bytes;
  }
  const GpuLibraryFound& backend = gpuLibrary();
  if (backend.library)
    backend.library->describe(index, info);
  else
    info.reason = backend.reason;
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
