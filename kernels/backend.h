// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What can compute here: the processor always, a GPU where its backend is found. core sees no other header of this layer
/// but the plain descriptions in residual.h.
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/residual.h"

namespace deltascope::kernels {

struct DeviceInfo {
  std::string id;    ///< "cpu", "cuda:0"
  std::string name;  ///< model name
  bool usable = false;
  std::string reason;                 ///< why not usable, in words
  std::string detail;                 ///< instruction sets in use, driver version …
  unsigned threads = 0;               ///< CPU: hardware threads this process may use
  std::uint64_t memoryBytes = 0;      ///< total
  std::uint64_t memoryFreeBytes = 0;  ///< available now
};

/// The processor first, then every GPU found; without one, a single "cuda" entry that says why. Never fails, never throws.
[[nodiscard]] std::vector<DeviceInfo> devices();

/// Instruction sets the CPU kernels can use, best last.
enum class Isa : std::uint8_t { Scalar, Avx2, Avx512 };
[[nodiscard]] const char* nameOf(Isa isa);
[[nodiscard]] std::vector<Isa> supportedIsas();
[[nodiscard]] Isa bestIsa();

}  // namespace deltascope::kernels
