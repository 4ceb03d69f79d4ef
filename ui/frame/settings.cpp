// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/settings.h"

namespace deltascope::ui {

Settings::Settings(const QString& file)
    : m_store(
          file.isEmpty() ? QSettings(QSettings::IniFormat, QSettings::UserScope, "Deltascope", "deltascope").fileName() : file,
          QSettings::IniFormat) {}

}  // namespace deltascope::ui
