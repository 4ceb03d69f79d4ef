// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Files of torch.save before torch 1.6, which are no ZIP (torch/serialization.py, _legacy_save): pickles of a magic number, a
/// protocol, the machine and the object; one of the storages' keys; then each storage, its count of elements before it.
/// Internal to torch_file.
#include "core/checkpoint/torch_tensors.h"

namespace deltascope {

[[nodiscard]] Result<bool> isLegacyTorch(const RandomAccessFile& file);
/// Untrusted bytes: as TorchFile.
[[nodiscard]] Result<TorchTensors> readLegacyTorch(const RandomAccessFile& file);

}  // namespace deltascope
