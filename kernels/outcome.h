// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Errors of this layer, which knows nothing of core's: core turns them into its own.
#include <cstdint>
#include <string>
#include <tl/expected.hpp>

namespace deltascope::kernels {

struct Failure {
  enum class Kind : std::uint8_t {
    OutOfMemory,  ///< the device, or the budget, has no room
    Device,       ///< the device is missing, or failed
    Unsupported,  ///< this backend cannot do it; the message names it
    Data,         ///< bytes that had to be decoded are damaged
  };
  Kind kind = Kind::Device;
  std::string message;
  std::string hint;  ///< what to do; may be empty
};

template <class T>
using Outcome = tl::expected<T, Failure>;

}  // namespace deltascope::kernels
