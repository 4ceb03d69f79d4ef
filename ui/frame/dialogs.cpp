// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/frame/dialogs.h"

#include <QDesktopServices>
#include <QFileDialog>
#include <QMessageBox>
#include <QPushButton>
#include <QUrl>

namespace deltascope::ui {

QString RealDialogs::openFile(QWidget* parent, const QString& title, const QString& folder, const QString& filter) {
  return QFileDialog::getOpenFileName(parent, title, folder, filter);
}

QString RealDialogs::openFolder(QWidget* parent, const QString& title, const QString& folder) {
  return QFileDialog::getExistingDirectory(parent, title, folder);
}

QString RealDialogs::saveFile(QWidget* parent, const QString& title, const QString& suggested, const QString& filter) {
  return QFileDialog::getSaveFileName(parent, title, suggested, filter);
}

bool RealDialogs::confirm(QWidget* parent, const QString& title, const QString& text, const QString& yes, const QString& no) {
  QMessageBox box(QMessageBox::Question, title, text, QMessageBox::NoButton, parent);
  const QPushButton* accepted = box.addButton(yes, QMessageBox::AcceptRole);
  box.setDefaultButton(box.addButton(no, QMessageBox::RejectRole));
  box.exec();
  return box.clickedButton() == static_cast<const QAbstractButton*>(accepted);
}

bool RealDialogs::openOnDesktop(const QString& path) { return QDesktopServices::openUrl(QUrl::fromLocalFile(path)); }

}  // namespace deltascope::ui
