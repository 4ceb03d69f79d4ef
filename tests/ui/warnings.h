// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QRegularExpression>
#include <QtTest>

namespace deltascope::ui {

/// Every warning fails the test, but the one the offscreen platform gives for each window with a minimum size.
inline void failOnAnyWarning() {
  QTest::failOnWarning(QRegularExpression("^(?!This plugin does not support propagateSizeHints)"));
}

}  // namespace deltascope::ui
