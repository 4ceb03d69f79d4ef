// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QToolButton>

namespace deltascope::ui {

/// A quiet button that is an icon and a name.
[[nodiscard]] inline QToolButton* smallButton(const QString& name, const QString& words) {
  auto* button = new QToolButton;
  button->setObjectName(name);
  button->setAccessibleName(words);
  button->setToolTip(words);
  button->setAutoRaise(true);
  button->setFocusPolicy(Qt::StrongFocus);
  return button;
}

}  // namespace deltascope::ui
