// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QScrollArea>

#include "ui/chat/conversation.h"

class QPushButton;
class QTimer;
class QVBoxLayout;

namespace deltascope::ui {

class ExchangeView;

/// The conversation, its last part first: older exchanges are added on demand. Follows the end while the user is there.
/// Markdown is rendered one message at a time, between other events.
class Transcript : public QScrollArea {
  Q_OBJECT
 public:
  static constexpr qsizetype kShownAtOnce = 30;  ///< and then on demand
  static constexpr qsizetype kShownFirst = 5;    ///< before the window is painted; the others follow one by one
  explicit Transcript(QWidget* parent = nullptr);

  void setConversation(const Conversation& conversation);  ///< all anew
  void append(const Exchange& exchange);
  void setExchange(qsizetype at, const Exchange& exchange);
  void appendText(qsizetype at, int side, const QString& text);
  void showLive(qsizetype at, int side, const QString& words);
  void setBusy(bool busy);
  void setEdited(qsizetype at);  ///< -1: none
  void showEarlier();
  void scrollToEnd();
  [[nodiscard]] bool rendering() const;  ///< messages or their Markdown are still to come
  [[nodiscard]] qsizetype shown() const { return m_views.size(); }
  [[nodiscard]] qsizetype total() const { return m_earlier.size() + m_views.size(); }

 signals:
  void copyRequested(qsizetype at, int side);
  void editRequested(qsizetype at);
  void regenerateRequested(qsizetype at);

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  ExchangeView* makeView(qsizetype at, const Exchange& exchange);
  void prependOne();
  [[nodiscard]] ExchangeView* viewAt(qsizetype at) const;
  void workOn();
  void updateEarlier();
  void applyWidth();
  void settle(QWidget& from);

  QList<Exchange> m_earlier;     ///< not shown
  QList<ExchangeView*> m_views;  ///< of the exchanges after those
  qsizetype m_wanted = 0;        ///< of the earlier ones, to be added
  bool m_busy = false, m_follow = true;
  bool m_wide = false;  ///< it holds two columns
  QWidget* m_content;
  QVBoxLayout* m_column;
  QPushButton* m_more;
  QTimer* m_work;  ///< adds and renders, a little at a time
};

}  // namespace deltascope::ui
