// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "app/cli/command.h"
#include "app/cli/print.h"
#include "core/base/units.h"
#include "kernels/backend.h"

namespace deltascope::cli {
namespace {

Json toJson(const std::vector<kernels::DeviceInfo>& devices) {
  Json list = Json::array();
  for (const auto& d : devices)
    list.push_back({{"id", d.id},
                    {"name", d.name},
                    {"usable", d.usable},
                    {"reason", d.reason},
                    {"detail", d.detail},
                    {"threads", d.threads},
                    {"memory_bytes", d.memoryBytes},
                    {"memory_free_bytes", d.memoryFreeBytes}});
  return {{"devices", std::move(list)}};
}

std::string toText(const std::vector<kernels::DeviceInfo>& devices) {
  std::string text;
  for (const auto& d : devices) {
    text += fmt::format("{}: {}{}\n", d.id, d.usable ? "ready" : "not usable: " + printable(d.reason),
                        d.name.empty() ? "" : ", " + printable(d.name));
    if (d.threads) text += fmt::format("  threads: {}\n", d.threads);
    if (d.memoryBytes) text += fmt::format("  memory: {}", formatGib(d.memoryBytes));
    if (d.memoryBytes && d.memoryFreeBytes) text += fmt::format(", {} available", formatGib(d.memoryFreeBytes));
    if (d.memoryBytes) text += '\n';
    if (!d.detail.empty()) text += fmt::format("  {}\n", printable(d.detail));
  }
  return text;
}

}  // namespace

void addDevices(CLI::App& app, Invocation& invocation) {
  CLI::App* command = app.add_subcommand("devices", "what can run here, and why not");
  addCommon(*command, invocation.common, false);
  command->callback([&invocation] {
    invocation.run = [&invocation]() -> int {
      const auto devices = kernels::devices();
      invocation.common.json ? printJson(toJson(devices)) : printText(toText(devices));
      return kDone;
    };
  });
}

}  // namespace deltascope::cli
