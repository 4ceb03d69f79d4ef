// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QWidget>

class QPlainTextEdit;
class QPushButton;

namespace deltascope::ui {

class TextLabel;

/// Where messages are written: Enter sends, Shift+Enter begins a new line, Send becomes Stop in place.
class Composer : public QWidget {
  Q_OBJECT
 public:
  enum class State { Ready, Running, Stopping };
  explicit Composer(QWidget* parent = nullptr);
  [[nodiscard]] QString text() const;
  void setText(const QString& text);
  void setState(State state);
  void setBlocked(const QString& reason);  ///< why nothing can be sent; empty: it can
  void setAddressee(const QString& who);
  /// A line above the field, with a way out of it; empty: none.
  void setEditing(const QString& words);
  [[nodiscard]] QPlainTextEdit* edit() const { return m_edit; }

 signals:
  void sendRequested(const QString& text);
  void stopRequested();
  void editingLeft();
  void textChanged();

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;
  void changeEvent(QEvent* event) override;

 private:
  void press();
  void refresh();
  void fit();
  State m_state = State::Ready;
  QString m_blocked;
  QPlainTextEdit* m_edit;
  QPushButton* m_button;
  TextLabel* m_editing;
  QPushButton* m_leave;
  TextLabel* m_hint;
};

}  // namespace deltascope::ui
