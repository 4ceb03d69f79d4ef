// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/about.h"

#include <QDialogButtonBox>
#include <QHBoxLayout>
#include <QIcon>
#include <QLabel>
#include <QVBoxLayout>

#include "ui/frame/metrics.h"

namespace deltascope::ui {

AboutDialog::AboutDialog(QWidget* parent) : QDialog(parent) {
  setObjectName("aboutDialog");
  setWindowTitle("About Deltascope");
  auto* icon = new QLabel;
  icon->setPixmap(
      QIcon(":/deltascope/icons/deltascope-128.png").pixmap(QSize(steps(*this, 16), steps(*this, 16)), devicePixelRatioF()));
  auto* text =
      new QLabel(QString("<p><b>Deltascope %1</b></p>"
                         "<p>Packs, inspects and verifies deltas that turn a small base model back into the exact final "
                         "one.</p>"
                         "<p>The window is free software under the GNU General Public License, version 3 or later. The "
                         "engine and the command line are under the Apache License 2.0.</p>"
                         "<p>Built with Qt %2, QCustomPlot, zstd, xxHash, nlohmann-json and spdlog.</p>")
                     .arg(DELTASCOPE_VERSION, qVersion()));
  text->setObjectName("aboutText");
  text->setWordWrap(true);
  text->setMinimumWidth(characters(*this, 52));
  text->setTextInteractionFlags(Qt::TextSelectableByMouse);
  auto* line = new QHBoxLayout;
  line->addWidget(icon, 0, Qt::AlignTop);
  line->addWidget(text, 1);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::close);
  auto* layout = new QVBoxLayout(this);
  layout->addLayout(line);
  layout->addWidget(buttons);
}

}  // namespace deltascope::ui
