// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The seam between this program and the CUDA backend's shared library, which is opened at run time. Both sides come from one
/// build: the version says so.
#include "kernels/backend.h"

namespace deltascope::kernels {

struct GpuLibrary {
  const char* version = nullptr;  ///< kGpuLibraryVersion of the library's build
  /// Fills usable, reason, detail and memory of a device that the driver found.
  void (*describe)(int index, DeviceInfo& info) = nullptr;
  Outcome<std::shared_ptr<Backend>> (*open)(int index, const BackendOptions& options) = nullptr;
  const char* architectures = nullptr;  ///< that it was built for, as CMake names them: "80-real, 90"
};
inline constexpr const char* kGpuLibraryVersion = "deltascope " DELTASCOPE_VERSION " gpu 5";
inline constexpr const char* kGpuLibraryEntry = "deltascopeGpuLibrary";

/// The library, or why there is none, in words. Looked for once: DELTASCOPE_CUDA_LIBRARY where that is set (a path, or "none"),
/// else beside the program and where it is installed or built. Thread-safe.
struct GpuLibraryFound {
  const GpuLibrary* library = nullptr;
  std::string reason;
};
[[nodiscard]] const GpuLibraryFound& gpuLibrary();

}  // namespace deltascope::kernels
