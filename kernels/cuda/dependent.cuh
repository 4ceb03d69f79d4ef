// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Kernels that begin before the one before them has ended (programmatic dependent launch, Hopper and later): what they do
/// before afterPrevious() must not depend on it, nor write what it reads.
#include <cuda_runtime.h>

#include "kernels/cuda/launch.h"

namespace deltascope::kernels::cuda {

/// Lets the next kernel begin as soon as every block of this one has come so far.
__device__ __forceinline__ void letNextBegin() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}
/// Waits until the kernel before has ended and what it wrote can be seen.
__device__ __forceinline__ void afterPrevious() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/// `cluster` blocks of the grid are one cluster; 1: there are none.
template <class... Parameters, class... Arguments>
void launchClusters(const Machine& machine, void (*kernel)(Parameters...), unsigned cluster, dim3 blocks, unsigned threads,
                    std::uint32_t shared, const Arguments&... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = blocks;
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = shared;
  config.stream = machine.stream;
  cudaLaunchAttribute attributes[2]{};
  if (machine.dependentLaunch) {
    auto& early = attributes[config.numAttrs++];
    early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    early.val.programmaticStreamSerializationAllowed = 1;
  }
  if (cluster > 1) {
    auto& together = attributes[config.numAttrs++];
    together.id = cudaLaunchAttributeClusterDimension;
    together.val.clusterDim = {cluster, 1, 1};
  }
  config.attrs = attributes;
  cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...);
}

template <class... Parameters, class... Arguments>
void launchDependent(const Machine& machine, void (*kernel)(Parameters...), dim3 blocks, unsigned threads, std::uint32_t shared,
                     const Arguments&... arguments) {
  launchClusters(machine, kernel, 1, blocks, threads, shared, arguments...);
}

}  // namespace deltascope::kernels::cuda
