// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/library.h"

#include <cuda_runtime_api.h>

#include <algorithm>

#include "kernels/cuda/backend.h"
#include "kernels/gpu_library.h"

namespace deltascope::kernels::cuda {
namespace {

constexpr int kLeastMajor = 8;

std::string versionText(int version) { return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10); }

std::optional<std::string> whyNotRuntime() {
  int driver = 0, runtime = 0, count = 0;
  cudaRuntimeGetVersion(&runtime);
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess) return std::nullopt;
  static_cast<void>(cudaGetLastError());
  if (error == cudaErrorInsufficientDriver && cudaDriverGetVersion(&driver) == cudaSuccess && driver > 0)
    return "its driver is for CUDA " + versionText(driver) + ", older than this backend needs (" + versionText(runtime) + ")";
  return "the CUDA runtime does not start: " + describe(error);
}

}  // namespace

void describeDevice(int index, DeviceInfo& info) {
  info.usable = false;
  if (auto reason = whyNotRuntime()) {
    info.reason = std::move(*reason);
    return;
  }
  cudaDeviceProp properties{};
  if (const auto error = cudaGetDeviceProperties(&properties, index); error != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    info.reason = describe(error);
    return;
  }
  info.name = properties.name;
  info.memoryBytes = properties.totalGlobalMem;
  const std::string capability = std::to_string(properties.major) + "." + std::to_string(properties.minor);
  int driver = 0;
  cudaDriverGetVersion(&driver);
  info.detail = "compute capability " + capability + ", " + std::to_string(properties.multiProcessorCount) +
                " multiprocessors, driver for CUDA " + versionText(driver) + ", backend for " DELTASCOPE_CUDA_ARCHITECTURES;
  if (properties.major < kLeastMajor) {
    info.reason = "its compute capability " + capability + " is below " + std::to_string(kLeastMajor) + ".0";
    return;
  }
  std::size_t free = 0, total = 0;
  cudaError_t error = cudaSetDevice(index);
  if (error == cudaSuccess) error = cudaMemGetInfo(&free, &total);
  if (error != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    info.reason = "it does not answer: " + describe(error);
    return;
  }
  if (codeArchitecture() == 0) {
    info.reason = "the CUDA backend was built for other GPUs (" DELTASCOPE_CUDA_ARCHITECTURES
                  "): build it again with CMAKE_CUDA_ARCHITECTURES=" +
                  std::to_string(properties.major) + std::to_string(properties.minor);
    return;
  }
  info.memoryFreeBytes = free;
  info.usable = true;
}

std::optional<TileTable> tileTable(const AnchorRule& rule, const PrefixTable* prefix, const FieldTable* fields) {
  constexpr std::size_t kCodes = 16;
  if (rule.kind != AnchorKind::Nibble || rule.half != ElementType::BF16) return std::nullopt;
  TileTable table{};
  if (prefix) {
    if (prefix->prefixBits != 4 || rule.mantissaBits > 2 || prefix->entries.size() < (kCodes << rule.mantissaBits) * 16)
      return std::nullopt;
    std::copy(rule.lo.begin(), rule.lo.end(), table.lo);
    for (std::size_t top = 0; top < 4; ++top)
      for (std::size_t code = 0; code < kCodes; ++code)
        for (std::size_t next = 0; next < 16; ++next)
          table.prefix[(top * kCodes + code) * 16 + next] =
              prefix->entries[(code + kCodes * (top >> (2 - rule.mantissaBits))) * 16 + next];
    return table;
  }
  if (rule.mantissaBits != 0) return std::nullopt;
  std::uint32_t sign = 0;
  for (std::size_t code = 0; code < kCodes; ++code) {
    const std::uint32_t width = fields->width[code];
    if (fields->offset[code] != 0) return std::nullopt;
    std::uint32_t own = 0;
    if (fields->isSigned[code]) {
      own = 1u << (width - 1);
      if (width < 7 || width > 15 || (sign != 0 && sign != own)) return std::nullopt;
      sign = own;
    }
    table.lo[code] = static_cast<std::uint32_t>(rule.lo[code]) << 16 | own | ((32 - width) & 31);
  }
  table.signMask = sign | sign << 16;
  table.signAdd = sign ? 0x8000u / sign - 1 : 0;
  return table;
}

}  // namespace deltascope::kernels::cuda

extern "C" __attribute__((visibility("default"))) const deltascope::kernels::GpuLibrary* deltascopeGpuLibrary() {
  using namespace deltascope::kernels;
  static const GpuLibrary library{kGpuLibraryVersion, &cuda::describeDevice, &cuda::CudaBackend::open,
                                  DELTASCOPE_CUDA_ARCHITECTURES};
  return &library;
}
