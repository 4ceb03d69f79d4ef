// SPDX-License-Identifier: Apache-2.0
#include "kernels/gpu_library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

namespace deltascope::kernels {
namespace {

namespace fs = std::filesystem;
constexpr const char* kFile = "libdeltascope_cuda.so";

/// Beside the program, in ../lib/deltascope of an installed tree, and in the kernels/cuda of a build tree above it.
std::vector<fs::path> places() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return {};
  fs::path folder = program.parent_path();
  std::vector<fs::path> found{folder / kFile, folder.parent_path() / "lib" / "deltascope" / kFile};
  for (int up = 0; up < 4 && folder.has_relative_path(); ++up, folder = folder.parent_path())
    found.push_back(folder / "kernels" / "cuda" / kFile);
  return found;
}

GpuLibraryFound openAt(const std::string& path) {
  // It stays open: what it made must not outlive its code.
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) return {nullptr, std::string("the CUDA backend cannot be loaded: ") + dlerror()};
  const auto entry = reinterpret_cast<const GpuLibrary* (*)()>(dlsym(handle, kGpuLibraryEntry));
  if (!entry) return {nullptr, path + " is not a CUDA backend of this program"};
  const GpuLibrary* library = entry();
  if (std::strcmp(library->version, kGpuLibraryVersion) != 0)
    return {nullptr, path + " is of another version (" + library->version + ", this is " + kGpuLibraryVersion + ")"};
  return {library, {}};
}

GpuLibraryFound find() {
  if (const char* given = std::getenv("DELTASCOPE_CUDA_LIBRARY")) {
    if (std::strcmp(given, "none") == 0) return {nullptr, "the CUDA backend is switched off (DELTASCOPE_CUDA_LIBRARY)"};
    return openAt(given);
  }
  for (const auto& path : places()) {
    std::error_code error;
    if (fs::exists(path, error)) return openAt(path.string());
  }
#if defined(DELTASCOPE_WITHOUT_CUDA)
  return {nullptr, "there is no CUDA backend: " DELTASCOPE_WITHOUT_CUDA};
#else
  return {nullptr, std::string("the CUDA backend is not there: ") + kFile +
                       " is neither beside the program nor in lib/deltascope; build its target deltascope_cuda"};
#endif
}

}  // namespace

const GpuLibraryFound& gpuLibrary() {
  static const GpuLibraryFound found = find();
  return found;
}

}  // namespace deltascope::kernels
