// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a GPU's feed holds of items and of the memory that readers fill. Internal to the feed; its lock guards all of it.
#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/cuda/memory.h"

namespace deltascope::kernels::cuda {

/// Owns a CUDA event.
struct Event {
  Event() = default;
  Event(Event&& other) noexcept : handle(std::exchange(other.handle, nullptr)) {}
  Event& operator=(Event&& other) noexcept {
    std::swap(handle, other.handle);
    return *this;
  }
  ~Event() {
    if (handle) cudaEventDestroy(handle);
  }
  cudaError_t create(unsigned flags) { return cudaEventCreateWithFlags(&handle, flags); }
  cudaEvent_t handle = nullptr;
};

/// Page-locked memory of one reader, and when its last copy ends.
struct Slot {
  PinnedBuffer memory;
  Event begin, end;
  std::uint64_t bytes = 0;
  bool used = false, timed = false;
};

/// An item on the device, or on its way.
struct Resident {
  std::size_t item = 0;
  std::uint64_t at = 0, bytes = 0;  ///< in the ring
  std::size_t partsLeft = 0;        ///< not yet handed to the copy engine
  Event copied, released;
  bool acquired = false, done = false;
};

/// Parts [first, last) of one item that one reader takes at a time.
struct Work {
  Resident* resident = nullptr;
  std::size_t first = 0, last = 0;
  std::uint64_t offset = 0;  ///< of the first in its item
};

}  // namespace deltascope::kernels::cuda
