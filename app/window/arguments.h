// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The window's command line. Read before Qt starts, so that help, version and mistakes need no display.
#include <optional>
#include <string>
#include <vector>

namespace deltascope::window {

struct Arguments {
  enum class Task { Window, Report, Help, Version } task = Task::Window;
  std::string path;       ///< model to open; may be empty for the window
  std::string reportOut;  ///< folder of the report
  std::string base, final;
  std::string problem;  ///< what is wrong with the command line; empty: nothing
};
/// Options that are Qt's own (`-platform offscreen`, `-style=fusion` …) are left aside.
[[nodiscard]] Arguments parseArguments(const std::vector<std::string>& words);
[[nodiscard]] const char* helpText();

}  // namespace deltascope::window
