// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include "app/window/arguments.h"

namespace deltascope::window {

/// Writes the report with progress on standard error; returns the exit status. Needs a QApplication, no display.
int runReport(const Arguments& arguments);

}  // namespace deltascope::window
