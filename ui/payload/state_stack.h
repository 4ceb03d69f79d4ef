// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// A widget, or in its place a sentence that says why it is not there yet and, where one helps, a button.
#include <QStackedWidget>

class QLabel;
class QPushButton;

namespace deltascope::ui {

class StateStack : public QStackedWidget {
  Q_OBJECT
 public:
  explicit StateStack(QWidget* content, QWidget* parent = nullptr);

  void showContent();
  void showWords(const QString& text, const QString& button = {});
  [[nodiscard]] bool showsContent() const { return currentIndex() == 0; }
  [[nodiscard]] QString words() const;
  [[nodiscard]] QPushButton* button() const { return m_button; }

 signals:
  void buttonPressed();

 protected:
  void changeEvent(QEvent* event) override;

 private:
  void restyle();
  QLabel* m_label;
  QPushButton* m_button;
};

}  // namespace deltascope::ui
