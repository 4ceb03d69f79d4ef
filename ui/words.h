// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// The engine's words, which are UTF-8, as Qt's.
#include <QString>
#include <string_view>

namespace deltascope::ui {

[[nodiscard]] inline QString words(std::string_view text) {
  return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

}  // namespace deltascope::ui
