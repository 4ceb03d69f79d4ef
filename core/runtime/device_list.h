// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Which devices a request names: one, or several that share a model.
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace deltascope {

inline constexpr std::string_view kAllGpus = "cuda:all";
/// Devices that may share a model: more than any machine has, and no list of a whole terminal.
inline constexpr std::size_t kMostDevices = 64;

/// The entries of "cpu", "cuda:1", "cpu,cpu", "cuda:0,cuda:1", "cuda:all", as they are written; "cuda" is cuda:0. A device may
/// be named twice. InvalidArgument where an entry is none of these. Nothing is asked of the machine.
[[nodiscard]] Result<std::vector<std::string>> parseDevices(std::string_view text);

/// The same, with cuda:all replaced by the GPUs that can be used. InvalidArgument: processors beside GPUs, or GPUs of different
/// kinds, whose bits would depend on where a model is cut. NotFound: cuda:all where there is no GPU. Whether a device named by
/// its number is there is for whom opens it.
[[nodiscard]] Result<std::vector<std::string>> findDevices(std::string_view text);

}  // namespace deltascope
