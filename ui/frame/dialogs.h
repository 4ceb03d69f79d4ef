// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// What the window asks of its user and of the desktop, as a seam: tests answer in its place.
#include <QString>
#include <QStringList>

class QWidget;

namespace deltascope::ui {

class Dialogs {
 public:
  virtual ~Dialogs() = default;
  /// Paths chosen; empty when dismissed. `filter` as QFileDialog's.
  [[nodiscard]] virtual QString openFile(QWidget* parent, const QString& title, const QString& folder,
                                         const QString& filter) = 0;
  [[nodiscard]] virtual QString openFolder(QWidget* parent, const QString& title, const QString& folder) = 0;
  [[nodiscard]] virtual QString saveFile(QWidget* parent, const QString& title, const QString& suggested,
                                         const QString& filter) = 0;
  /// A question with two answers; true for `yes`. `no` is the default.
  [[nodiscard]] virtual bool confirm(QWidget* parent, const QString& title, const QString& text, const QString& yes,
                                     const QString& no) = 0;
  /// Opens a file, or a folder, with the program that the desktop has for it; false when it has none.
  [[nodiscard]] virtual bool openOnDesktop(const QString& path) = 0;
};

class RealDialogs : public Dialogs {
 public:
  QString openFile(QWidget* parent, const QString& title, const QString& folder, const QString& filter) override;
  QString openFolder(QWidget* parent, const QString& title, const QString& folder) override;
  QString saveFile(QWidget* parent, const QString& title, const QString& suggested, const QString& filter) override;
  bool confirm(QWidget* parent, const QString& title, const QString& text, const QString& yes, const QString& no) override;
  bool openOnDesktop(const QString& path) override;
};

}  // namespace deltascope::ui
