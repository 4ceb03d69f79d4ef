// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "kernels/backend.h"
#include "kernels/cpu/backend.h"
#include "kernels/gpu_library.h"

namespace deltascope::kernels {
namespace {

constexpr std::string_view kGpuPrefix = "cuda:";
constexpr std::string_view kNoGpu = "cuda";  ///< the entry that says why there is none

}  // namespace

Outcome<std::shared_ptr<Backend>> openBackend(const BackendOptions& options) {
  if (options.device == "cpu") return openCpu(options);
  std::string names, reason;
  for (const DeviceInfo& device : devices()) {
    if (device.id == options.device && device.usable && device.id.starts_with(kGpuPrefix))
      return gpuLibrary().library->open(std::atoi(device.id.c_str() + kGpuPrefix.size()), options);
    if (device.id == options.device)
      return tl::unexpected(
          Failure{Failure::Kind::Device, options.device + " cannot be used: " + device.reason, "use the device cpu"});
    if (device.usable) names += (names.empty() ? "" : ", ") + device.id;
    if (device.id == kNoGpu && options.device.starts_with(kGpuPrefix)) reason = ": " + device.reason;
  }
  return tl::unexpected(
      Failure{Failure::Kind::Device, "there is no device '" + options.device + "'" + reason, "use one of: " + names});
}

}  // namespace deltascope::kernels
