// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The engine as the window sees it: one seam a call, so that tests can stand in for it.
#include <functional>
#include <string>
#include <vector>

#include "core/base/units.h"
#include "core/pipeline/inspect.h"
#include "core/pipeline/pipeline.h"
#include "kernels/backend.h"

namespace deltascope::ui {

/// Every call may be made from any thread; none touches Qt. All members are set in a usable Engine.
struct Engine {
  std::function<Result<PackResult>(const PackRequest&, const JobContext&)> pack;
  std::function<Result<PackEstimate>(const PackRequest&, const JobContext&)> estimatePack;
  std::function<Result<VerifyResult>(const VerifyRequest&, const JobContext&)> verify;
  std::function<Result<UnpackResult>(const UnpackRequest&, const JobContext&)> unpack;
  std::function<Result<Inspection>(const std::filesystem::path& path, const std::filesystem::path& base)> inspect;
  std::function<Result<TensorCloseUp>(const std::filesystem::path& path, const std::filesystem::path& base,
                                      const std::string& tensor, std::uint64_t elementLimit, const JobContext&)>
      closeUp;
  std::function<std::vector<kernels::DeviceInfo>()> devices;
  std::function<ResidentMemory()> residentMemory;
};

/// The functions of core and kernels.
[[nodiscard]] Engine realEngine();

}  // namespace deltascope::ui
