// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QDialog>

namespace deltascope::ui {

/// Version, licences, and what it is built on.
class AboutDialog : public QDialog {
  Q_OBJECT
 public:
  explicit AboutDialog(QWidget* parent);
};

}  // namespace deltascope::ui
