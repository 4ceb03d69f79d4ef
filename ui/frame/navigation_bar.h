// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QList>
#include <QWidget>

class QActionGroup;
class QVBoxLayout;

namespace deltascope::ui {

/// The pages as icon and word, one under the other. Arrow keys move between them.
class NavigationBar : public QWidget {
  Q_OBJECT
 public:
  explicit NavigationBar(QWidget* parent = nullptr);
  /// `action`: checkable; triggering it brings the page to the front.
  void addPage(QAction* action, const QString& iconName);
  /// A dot on the page's button: it has something to say. `page` is the data of its action.
  void setMark(const QString& page, bool marked);

 protected:
  void changeEvent(QEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void paintEvent(QPaintEvent* event) override;

 private:
  QVBoxLayout* m_layout = nullptr;
  QList<class NavigationButton*> m_buttons;
};

}  // namespace deltascope::ui
