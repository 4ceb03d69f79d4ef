// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/report/html_page.h"

#include <algorithm>

#include "ui/charts/numbers.h"

namespace deltascope::ui {
namespace {

constexpr int kWide = 800;  // a chart of more logical pixels gets a row of its own

constexpr const char* kStyle = R"(
:root{color-scheme:light;--text:#20262c;--muted:#5b6670;--line:#d9dee3;--accent:#2a6fb5;--good:#1a7f37;--bad:#b3261e}
*{box-sizing:border-box}
body{font:14px/1.5 system-ui,"Segoe UI","DejaVu Sans",sans-serif;color:var(--text);background:#fff;margin:0 auto;max-width:1280px;padding:32px 24px}
h1{font-size:24px;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:17px;margin:36px 0 12px;padding-bottom:4px;border-bottom:1px solid var(--line)}h3{font-size:14px;margin:20px 0 6px}
p{margin:4px 0;overflow-wrap:anywhere}ul{margin:4px 0;padding-left:22px;overflow-wrap:anywhere}.muted{color:var(--muted)}
.verdict{font-weight:600;margin:12px 0}.good{color:var(--good)}.bad{color:var(--bad)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 20px;margin:0}dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
figure{margin:0;break-inside:avoid}figure img{max-width:100%;height:auto;border:1px solid var(--line);border-radius:4px}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(520px,1fr));gap:16px;align-items:start}.wide{grid-column:1/-1}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:12.5px}
th,td{text-align:left;border-bottom:1px solid var(--line);white-space:nowrap;vertical-align:top}th{color:var(--muted);font-weight:600;vertical-align:bottom}
.n{text-align:right}th{white-space:normal}th,td{padding:3px 5px}td.w{white-space:normal;overflow-wrap:break-word}small{color:var(--muted);font-size:11px;white-space:nowrap}
tr.quiet td{color:var(--muted);font-style:italic}th.group{white-space:normal;padding-top:12px;text-align:left}
code,pre{font:12.5px/1.5 ui-monospace,"DejaVu Sans Mono",monospace}pre{background:#f4f6f8;padding:10px 12px;border-radius:4px;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}
a{color:var(--accent)}
@page{size:A4 landscape;margin:12mm}
@media print{body{padding:0;max-width:none;font-size:11px}h2,h3{break-after:avoid}thead{display:table-header-group}tr{break-inside:avoid}.scroll{overflow:visible}table{font-size:9px}small{font-size:8px}th,td{padding:2px 4px}td.name{white-space:normal;overflow-wrap:anywhere;min-width:16em}.charts{grid-template-columns:1fr 1fr}pre{border:1px solid var(--line);break-inside:avoid}.verdict{break-after:avoid}}
)";

QString escaped(const QString& text) { return text.toHtmlEscaped(); }

QString classOf(HtmlTable::Kind kind) {
  switch (kind) {
    case HtmlTable::Kind::Name:
      return QStringLiteral("name");
    case HtmlTable::Kind::Number:
      return QStringLiteral("n");
    case HtmlTable::Kind::Word:
      break;
  }
  return QStringLiteral("w");
}

}  // namespace

HtmlPage::HtmlPage(const QString& title) {
  m_html = QStringLiteral(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
  element(QStringLiteral("title"), title);
  m_html += QStringLiteral("<style>%1</style></head>\n<body>\n").arg(QLatin1String(kStyle));
}

void HtmlPage::element(const QString& tag, const QString& text, const QString& classes) {
  m_html += classes.isEmpty() ? QStringLiteral("<%1>").arg(tag) : QStringLiteral("<%1 class=\"%2\">").arg(tag, classes);
  m_html += escaped(text) + QStringLiteral("</%1>\n").arg(tag);
}

void HtmlPage::facts(const QList<QPair<QString, QString>>& facts) {
  m_html += QStringLiteral("<dl>\n");
  for (const auto& [label, value] : facts) {
    element(QStringLiteral("dt"), label);
    element(QStringLiteral("dd"), value);
  }
  m_html += QStringLiteral("</dl>\n");
}

void HtmlPage::list(const QStringList& items, const QString& classes) {
  m_html += QStringLiteral("<ul>\n");
  for (const QString& item : items) element(QStringLiteral("li"), item, classes);
  m_html += QStringLiteral("</ul>\n");
}

void HtmlPage::table(const HtmlTable& table, const QString& file) {
  m_html += QStringLiteral("<div class=\"scroll\"><table>\n<thead><tr>");
  for (const auto& header : table.headers)
    m_html += QStringLiteral("<th class=\"%1\">%2</th>").arg(classOf(header.kind), escaped(header.text));
  m_html += QStringLiteral("</tr></thead>\n<tbody>\n");
  const qsizetype shown = std::min(table.rows.size(), kMostRows);
  for (const auto& row : table.rows.first(shown)) {
    if (!row.group.isEmpty()) {
      m_html += QStringLiteral("<tr><th class=\"group\" colspan=\"%1\">%2</th></tr>\n")
                    .arg(table.headers.size())
                    .arg(escaped(row.group));
      continue;
    }
    m_html += row.muted ? QStringLiteral("<tr class=\"quiet\">") : QStringLiteral("<tr>");
    for (qsizetype i = 0; i < row.cells.size(); ++i) {
      const auto& cell = row.cells[i];
      const QString exact = cell.exact.isEmpty() ? QString() : QStringLiteral(" title=\"%1\"").arg(escaped(cell.exact));
      m_html += QStringLiteral("<td class=\"%1\"%2>").arg(classOf(table.headers[i].kind), exact) + escaped(cell.text) +
                (cell.below.isEmpty() ? QString() : QStringLiteral("<br><small>%1</small>").arg(escaped(cell.below))) +
                QStringLiteral("</td>");
    }
    m_html += QStringLiteral("</tr>\n");
  }
  m_html += QStringLiteral("</tbody></table></div>\n");
  if (shown < table.rows.size())
    element(QStringLiteral("p"),
            QStringLiteral("First %1 of %2 rows; all are in %3.")
                .arg(exactCount(static_cast<std::uint64_t>(shown)), exactCount(static_cast<std::uint64_t>(table.rows.size())),
                     file),
            QStringLiteral("muted"));
}

void HtmlPage::charts(const QList<ReportChart>& charts) {
  if (charts.isEmpty()) return;
  m_html += QStringLiteral("<div class=\"charts\">\n");
  for (const auto& chart : charts) {
    const bool wide = chart.size.width() > kWide;
    m_html += QStringLiteral(
                  "<figure%1><a href=\"%2\"><img width=\"%3\" height=\"%4\" alt=\"%5\" "
                  "src=\"data:image/png;base64,%6\"></a></figure>\n")
                  .arg(wide ? QStringLiteral(" class=\"wide\"") : QString(), escaped(chart.file))
                  .arg(chart.size.width())
                  .arg(chart.size.height())
                  .arg(escaped(chart.caption.title + QStringLiteral(". ") + describe(chart.chart)),
                       QString::fromLatin1(chart.png.toBase64()));
  }
  m_html += QStringLiteral("</div>\n");
}

void HtmlPage::links(const QStringList& files) {
  QStringList links;
  for (const QString& file : files)
    if (file != QLatin1String(kReportPage)) links << QStringLiteral("<a href=\"%1\">%1</a>").arg(escaped(file));
  m_html += QStringLiteral("<p>") + links.join(QStringLiteral(", ")) + QStringLiteral("</p>\n");
}

QByteArray HtmlPage::finish() { return (m_html + QStringLiteral("</body></html>\n")).toUtf8(); }

QString verdictClass(std::optional<bool> good) {
  return !good ? QStringLiteral("muted") : *good ? QStringLiteral("good") : QStringLiteral("bad");
}

}  // namespace deltascope::ui
