// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Loads of matrix fragments and copies ahead, for products of several tokens.
#include "kernels/cuda/warp.cuh"

namespace deltascope::kernels::cuda {

__device__ __forceinline__ void loadMatrices(std::uint32_t (&r)[4], std::uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address));
}
/// 16 bytes, or zeros where `valid` is not set.
__device__ __forceinline__ void copyAhead(std::uint32_t to, const void* from, bool valid) {
  const int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}
__device__ __forceinline__ void commitCopies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int kLeft>
__device__ __forceinline__ void waitCopies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kLeft) : "memory");
}

}  // namespace deltascope::kernels::cuda
