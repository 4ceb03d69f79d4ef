// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QWidget>

#include "ui/frame/message_log.h"

class QMenu;
class QToolButton;

namespace deltascope::ui {

class MessageBar;
class TextLabel;

/// The line above the pages. It is always there and always as high, so that no page moves when a message comes or goes: with a
/// message of the page in front it shows that one, else which model is open. The button at its end lists the page's earlier
/// messages.
class MessageLine : public QWidget {
  Q_OBJECT
 public:
  explicit MessageLine(QWidget* parent = nullptr);

  void post(const QString& page, const Message& message);
  void setPage(const QString& page);  ///< the one in front
  /// What the page said is over: a new run begins, another model was opened. It stays in the list.
  void retire(const QString& page);
  bool escape();  ///< closes what is open of the message that is seen, or dismisses it; false when there is none
  /// Said where no message is.
  void setIdleText(const QString& text);
  [[nodiscard]] QString page() const { return m_page; }

 signals:
  /// A page that is not in front has something to say, or had its say.
  void waiting(const QString& page, bool waits);

 protected:
  void changeEvent(QEvent* event) override;
  void paintEvent(QPaintEvent* event) override;

 private:
  void refresh();
  void fillMenu();
  void applySizes();

  MessageLog m_log;
  QString m_page;
  MessageBar* m_bar = nullptr;
  TextLabel* m_idle = nullptr;
  QToolButton* m_earlier = nullptr;
  QMenu* m_menu = nullptr;
};

}  // namespace deltascope::ui
