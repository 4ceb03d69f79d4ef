// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the driver says this process holds on a GPU: its context, its library code and all that was allocated.
#include <cstdint>
#include <memory>
#include <optional>

namespace deltascope::kernels::cuda {

/// NVML, where libnvidia-ml.so.1 can be opened (docs.nvidia.com/deploy/nvml-api). Threads: any, one at a time.
class DriverMemory {
 public:
  virtual ~DriverMemory() = default;
  /// Bytes of this process now; empty: the driver does not tell, as inside a container with process ids of its own.
  [[nodiscard]] virtual std::optional<std::uint64_t> own() const = 0;

  /// `index`: of the CUDA runtime. Null: there is no NVML, or it does not know this GPU.
  [[nodiscard]] static std::unique_ptr<DriverMemory> open(int index);
};

}  // namespace deltascope::kernels::cuda
