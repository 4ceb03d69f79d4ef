// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a part of the CUDA backend needs of the whole.
#include <cuda_runtime.h>

#include <cstdint>
#include <functional>
#include <string_view>

#include "kernels/memory.h"

namespace deltascope::kernels::cuda {

struct DeviceContext {
  cudaStream_t stream = nullptr;
  /// Accounted device memory, aligned to 256 bytes. Decoders keep what they take.
  std::function<Outcome<Buffer>(std::uint64_t bytes, std::string_view what)> allocate;
  /// Of the device; kNoError (decode/errors.h) until a kernel finds damaged data, then the smallest word that was reported.
  unsigned long long* error = nullptr;
};

}  // namespace deltascope::kernels::cuda
