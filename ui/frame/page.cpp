// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/page.h"

namespace deltascope::ui {

Page::Page(const QString& id, const QString& title, const QString& icon, QWidget* parent)
    : QWidget(parent), m_title(title), m_icon(icon) {
  setObjectName(id);
  setAccessibleName(title);
}

}  // namespace deltascope::ui
