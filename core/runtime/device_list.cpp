// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/device_list.h"

#include <algorithm>
#include <charconv>

#include "core/base/units.h"
#include "kernels/backend.h"

namespace deltascope {
namespace {

constexpr std::string_view kGpuPrefix = "cuda:";

bool isGpu(std::string_view device) { return device.starts_with(kGpuPrefix); }

bool isNumbered(std::string_view entry) {
  if (!isGpu(entry)) return false;
  const std::string_view digits = entry.substr(kGpuPrefix.size());
  unsigned index = 0;
  const auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  return !digits.empty() && error == std::errc{} && last == digits.data() + digits.size();
}

Result<std::string> parseEntry(std::string_view entry) {
  if (entry == "cuda") return std::string("cuda:0");
  if (entry == "cpu" || entry == kAllGpus || isNumbered(entry)) return std::string(entry);
  return fail(ErrorCode::InvalidArgument,
              entry.empty() ? "a device is missing between commas" : printable(std::string(entry)) + " is not a device",
              "name cpu, cuda:N or cuda:all; several with commas between them");
}

std::string kindOf(const kernels::DeviceInfo& gpu) { return gpu.name + ", " + formatGib(gpu.memoryBytes); }

/// GPUs of other kinds round otherwise.
Result<void> checkAlike(const std::vector<std::string>& names, const std::vector<kernels::DeviceInfo>& found) {
  const kernels::DeviceInfo* first = nullptr;
  for (const auto& name : names) {
    const auto info = std::ranges::find(found, name, &kernels::DeviceInfo::id);
    if (info == found.end() || !info->usable) continue;  // whoever opens it says so
    if (!first) first = &*info;
    if (info->name != first->name)
      return fail(ErrorCode::InvalidArgument,
                  first->id + " (" + kindOf(*first) + ") and " + info->id + " (" + kindOf(*info) +
                      ") are unlike: what they compute together would depend on where the model is cut",
                  "name GPUs of one kind");
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> parseDevices(std::string_view text) {
  std::vector<std::string> names;
  for (;;) {
    const auto comma = text.find(',');
    DELTASCOPE_ASSIGN(auto entry, parseEntry(text.substr(0, comma)));
    names.push_back(std::move(entry));
    if (comma == text.npos) break;
    text.remove_prefix(comma + 1);
  }
  if (names.size() > kMostDevices)
    return fail(ErrorCode::InvalidArgument, formatCount(names.size()) + " devices are more than can share a model",
                "name " + formatCount(kMostDevices) + " at most");
  const auto gpus = static_cast<std::size_t>(std::ranges::count_if(names, isGpu));
  if (gpus != 0 && gpus != names.size())
    return fail(ErrorCode::InvalidArgument,
                "processors and GPUs cannot share a model: they round differently, so its bits would depend on where it is cut",
                "name devices of one kind");
  return names;
}

Result<std::vector<std::string>> findDevices(std::string_view text) {
  DELTASCOPE_ASSIGN(auto names, parseDevices(text));
  const bool all = std::ranges::find(names, kAllGpus) != names.end();
  if (names.size() == 1 && !all) return names;
  if (names.front() == "cpu") return names;
  const auto found = kernels::devices();
  std::vector<std::string> devices;
  for (const auto& name : names) {
    if (name != kAllGpus) {
      devices.push_back(name);
      continue;
    }
    std::string reason;
    const std::size_t before = devices.size();
    for (const auto& info : found) {
      if (isGpu(info.id) && info.usable) devices.push_back(info.id);
      if (info.id.starts_with("cuda") && !info.usable && reason.empty()) reason = info.reason;
    }
    if (devices.size() == before)
      return fail(ErrorCode::NotFound, "there is no GPU that can be used" + (reason.empty() ? reason : ": " + reason),
                  "use the device cpu");
  }
  DELTASCOPE_TRY(checkAlike(devices, found));
  return devices;
}

}  // namespace deltascope
