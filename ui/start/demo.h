// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The model that ships with the program, and where its packed copy goes.
#include <QString>

#include "core/pack/pack.h"

namespace deltascope::ui {

/// The folder `demo` (it holds `chat`), found from where the program lies: `../share/deltascope/demo` of an installation, or
/// `resources/demo` of the source tree above a build. Empty when there is none.
[[nodiscard]] QString findDemo(const QString& programFolder);
/// Where the packed demo lies in the user's cache folder.
[[nodiscard]] QString packedDemo(const QString& cacheFolder);
/// Whether a complete packed model is there (packing is all or nothing).
[[nodiscard]] bool isPacked(const QString& folder);
/// `chat` as NF4, every 2-D weight.
[[nodiscard]] PackRequest demoRequest(const QString& demoFolder, const QString& out);

}  // namespace deltascope::ui
