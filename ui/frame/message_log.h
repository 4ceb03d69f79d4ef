// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// What the pages said, page by page.
#include <QDateTime>
#include <QHash>
#include <QList>
#include <optional>

#include "ui/frame/message.h"

namespace deltascope::ui {

/// Plain data. A page has one message that stands, or none, and remembers the last kMost. One that no longer stands keeps its
/// words, and its buttons where it `stays`: an Undo belongs to the moment.
class MessageLog {
 public:
  static constexpr qsizetype kMost = 30;
  struct Entry {
    QDateTime when;
    Message message;
  };

  void add(const QString& page, const QDateTime& when, const Message& message) {
    takeDown(page);
    Page& of = m_pages[page];
    of.entries.append({when, message});
    if (of.entries.size() > kMost) of.entries.removeFirst();
    of.standing = of.entries.size() - 1;
  }
  /// None of the page's messages stands.
  void takeDown(const QString& page) {
    Page& of = m_pages[page];
    if (of.standing >= 0 && !of.entries[of.standing].message.stays) {
      Message& message = of.entries[of.standing].message;
      message.actionText.clear();
      message.otherText.clear();
      message.action = message.otherAction = {};
    }
    of.standing = -1;
  }
  /// An earlier one stands again.
  void bringBack(const QString& page, qsizetype index) {
    if (index < 0 || index >= m_pages[page].entries.size()) return;
    takeDown(page);
    m_pages[page].standing = index;
  }
  [[nodiscard]] std::optional<Message> standing(const QString& page) const {
    const Page of = m_pages.value(page);
    return of.standing < 0 ? std::nullopt : std::optional(of.entries[of.standing].message);
  }
  [[nodiscard]] QList<Entry> entries(const QString& page) const { return m_pages.value(page).entries; }  ///< oldest first

 private:
  struct Page {
    QList<Entry> entries;
    qsizetype standing = -1;
  };
  QHash<QString, Page> m_pages;
};

}  // namespace deltascope::ui
