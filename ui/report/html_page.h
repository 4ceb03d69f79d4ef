// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Inside of ui/report: a page with everything in it. All text is escaped; no script, nothing from elsewhere.
#include <QList>
#include <QPair>
#include <QString>
#include <QStringList>

#include "ui/report/report_chart.h"

namespace deltascope::ui {

struct HtmlTable {
  enum class Kind : std::uint8_t { Name, Word, Number };
  struct Header {
    QString text;
    Kind kind = Kind::Word;
  };
  struct Cell {
    QString text;
    QString exact = {};  ///< shown when pointed at
    QString below = {};  ///< a second line, smaller
  };
  struct Row {
    QList<Cell> cells;
    bool muted = false;
    QString group = {};  ///< instead of cells: a line that heads the rows below
  };
  QList<Header> headers;
  QList<Row> rows;
};

class HtmlPage {
 public:
  explicit HtmlPage(const QString& title);
  void element(const QString& tag, const QString& text, const QString& classes = {});
  void facts(const QList<QPair<QString, QString>>& facts);
  void list(const QStringList& items, const QString& classes = {});
  /// At most `kMostRows`; the page then says that the rest is in `file`.
  void table(const HtmlTable& table, const QString& file);
  void charts(const QList<ReportChart>& charts);
  void links(const QStringList& files);  ///< the page itself left out
  [[nodiscard]] QByteArray finish();

  static constexpr qsizetype kMostRows = 500;

 private:
  QString m_html;
};

/// "good", "bad" or "muted", the class of a verdict.
[[nodiscard]] QString verdictClass(std::optional<bool> good);

}  // namespace deltascope::ui
