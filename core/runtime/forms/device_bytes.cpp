// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/forms/device_bytes.h"

#include "kernels/gpu_ops.h"

namespace deltascope {

std::uint64_t deviceBaseBytes(const TensorOrigin& origin, const FormSite& site) {
  if (!origin.quantized || site.holdsBase(origin)) return 0;
  return accountedBytes(residentCodeBytes(origin)) + accountedBytes(residentScaleBytes(origin));
}

std::uint64_t deviceStreamBytes(const TensorOrigin& origin) { return accountedBytes(tileStream(origin).bytes()); }

std::uint64_t deviceTableBytes(const TensorOrigin& origin) {
  constexpr std::uint64_t kTableBytes = 4608;
  return accountedBytes((ceilDiv(origin.elements, kTileElements) + 1) * sizeof(std::uint32_t)) + kTableBytes;
}

std::uint64_t deviceStepBytes(const TensorOrigin& origin) {
  return madeBytes(origin.spec.shape[0], origin.spec.shape[1], bytesOf(origin.dtype));
}

std::uint64_t unitBytesOf(const TensorOrigin& origin, kernels::Backend& backend, bool exact) {
  if (!origin.quantized || !formatOf(origin.bottom).isFourBit()) return 0;
  kernels::Matrix matrix = formatOf(origin.bottom).matrix();
  matrix.type = elementType(origin.dtype);
  matrix.rows = origin.spec.shape[0];
  matrix.columns = origin.spec.shape[1];
  matrix.group = origin.quantized->layout.group;
  return backend.gpu()->unitBytes(matrix, exact);
}

}  // namespace deltascope
