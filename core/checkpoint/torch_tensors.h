// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The tensors that a pickle of torch.save describes. Internal to torch_file.
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/checkpoint/pickle.h"
#include "core/checkpoint/tensor.h"

namespace deltascope {

inline constexpr auto kTorchSaveAgain = "load it with torch and save the tensors alone: torch.save({name: tensor, …}, path)";

struct TorchStorage {
  std::uint64_t offset = 0, bytes = 0;  ///< in the file
};
using TorchStorages = std::map<std::string, TorchStorage, std::less<>>;  ///< by the key in the pickle

struct TorchTensors {
  std::vector<TensorInfo> tensors;  ///< `offset`: of the first element
  std::unordered_map<std::string, std::vector<std::uint64_t>> strides;
};

/// See TorchFile for what is taken and refused. `fileSize` bounds what strides may repeat.
[[nodiscard]] Result<TorchTensors> readTorchTensors(const Pickle& pickle, const TorchStorages& storages,
                                                    const std::filesystem::path& path, std::uint64_t fileSize);

/// The storages that a pickle names by persistent ids ('storage', type, key, location, elements), with bytes an element:
/// key → {elements, size}. For files that do not tell their storages otherwise.
struct NamedStorage {
  std::uint64_t elements = 0;
  unsigned elementSize = 1;
};
[[nodiscard]] Result<std::map<std::string, NamedStorage, std::less<>>> storagesNamed(const Pickle& pickle,
                                                                                     const std::filesystem::path& path);

}  // namespace deltascope
