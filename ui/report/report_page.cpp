// SPDX-License-Identifier: GPL-3.0-or-later
// index.html: one page with everything in it.
#include <algorithm>

#include "ui/charts/numbers.h"
#include "ui/payload/summary.h"
#include "ui/payload/tensor_columns.h"
#include "ui/report/report_data.h"

namespace deltascope::ui {
namespace {

constexpr std::size_t kMostRows = 500;  // the rest is in tensors.csv, and the page says so

constexpr int kWide = 800;  // a chart of more logical pixels gets a row of its own

constexpr const char* kStyle = R"(
:root{color-scheme:light;--text:#20262c;--muted:#5b6670;--line:#d9dee3;--accent:#2a6fb5;--good:#1a7f37;--bad:#b3261e}
*{box-sizing:border-box}
body{font:14px/1.5 system-ui,"Segoe UI","DejaVu Sans",sans-serif;color:var(--text);background:#fff;margin:0 auto;max-width:1280px;padding:32px 24px}
h1{font-size:24px;margin:0 0 4px}h2{font-size:17px;margin:36px 0 12px;padding-bottom:4px;border-bottom:1px solid var(--line)}
p{margin:4px 0}.muted{color:var(--muted)}
.verdict{font-weight:600;margin-top:12px}.good{color:var(--good)}.bad{color:var(--bad)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 20px;margin:0}dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
figure{margin:0;break-inside:avoid}figure img{max-width:100%;height:auto;border:1px solid var(--line);border-radius:4px}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(520px,1fr));gap:16px;align-items:start}.wide{grid-column:1/-1}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:13px}
th,td{padding:3px 10px;text-align:left;border-bottom:1px solid var(--line);white-space:nowrap}th{color:var(--muted);font-weight:600}
.n{text-align:right}
code,pre{font:12.5px/1.5 ui-monospace,"DejaVu Sans Mono",monospace}pre{background:#f4f6f8;padding:10px 12px;border-radius:4px;overflow-x:auto;white-space:pre-wrap}
a{color:var(--accent)}
@media print{body{padding:0;max-width:none;font-size:11px}h2{break-after:avoid}thead{display:table-header-group}tr{break-inside:avoid}.charts{grid-template-columns:1fr 1fr}pre{border:1px solid var(--line)}}
)";

QString escaped(const QString& text) { return text.toHtmlEscaped(); }

class Page {
 public:
  void raw(const QString& html) { m_html += html; }
  void element(const QString& tag, const QString& text, const QString& classes = {}) {
    m_html += classes.isEmpty() ? QStringLiteral("<%1>").arg(tag) : QStringLiteral("<%1 class=\"%2\">").arg(tag, classes);
    m_html += escaped(text) + QStringLiteral("</%1>\n").arg(tag);
  }
  [[nodiscard]] QByteArray bytes() const { return m_html.toUtf8(); }

 private:
  QString m_html;
};

void writeFacts(Page& page, const QList<QPair<QString, QString>>& facts) {
  page.raw(QStringLiteral("<dl>\n"));
  for (const auto& [label, value] : facts) {
    page.element(QStringLiteral("dt"), label);
    page.element(QStringLiteral("dd"), value);
  }
  page.raw(QStringLiteral("</dl>\n"));
}

QList<QPair<QString, QString>> sizes(const ReportData& data) {
  const InspectTotals& t = data.model.totals;
  const auto bytes = [](std::uint64_t n) { return QStringLiteral("%1 (%2 bytes)").arg(byteText(n), exactCount(n)); };
  QList<QPair<QString, QString>> facts{{QStringLiteral("Model"), QString::fromStdString(data.model.files.path.string())},
                                       {QStringLiteral("Tensors"), exactCount(t.tensors)},
                                       {QStringLiteral("Weights"), exactCount(t.elements)},
                                       {QStringLiteral("Final"), bytes(t.finalBytes)}};
  if (data.isCheckpoint()) return facts;
  facts << QPair{QStringLiteral("Payload file"), bytes(t.payloadFileBytes)} << QPair{QStringLiteral("Base"), bytes(t.baseBytes)}
        << QPair{QStringLiteral("Delta"), significant(t.payloadBitsPerWeight(), 4) + QStringLiteral(" bits/weight")}
        << QPair{QStringLiteral("Base and delta"), significant(t.totalBitsPerWeight(), 4) + QStringLiteral(" bits/weight")}
        << QPair{QStringLiteral("Zero deltas"),
                 QStringLiteral("%1 (%2)").arg(exactCount(t.zeroDeltas),
                                               percentText(t.elements ? double(t.zeroDeltas) / double(t.elements) : 1))};
  for (const auto& [key, value] : data.model.facts)
    facts << QPair{QString::fromStdString(key), QString::fromStdString(value).left(400)};
  return facts;
}

void writeFailures(Page& page, const VerifyResult& result) {
  page.raw(QStringLiteral("<ul>\n"));
  int shown = 0;
  constexpr int kMost = 20;
  for (const auto& verdict : result.verdicts) {
    if (verdict.bitExact) continue;
    if (++shown > kMost) continue;
    QString text = QString::fromStdString(verdict.tensor + ": " + verdictText(verdict));
    page.element(QStringLiteral("li"), text, QStringLiteral("bad"));
  }
  if (shown > kMost)
    page.element(QStringLiteral("li"), QStringLiteral("first %1 of %2; all are in verdicts.csv").arg(kMost).arg(shown));
  page.raw(QStringLiteral("</ul>\n"));
}

void writeTable(Page& page, const ReportData& data) {
  const bool checkpoint = data.isCheckpoint();
  const auto& tensors = data.model.tensors;
  const TableUnits units = unitsFor(tensors);
  std::map<std::string, TensorVerdict> verdicts;
  if (data.verification)
    for (const auto& v : data.verification->verdicts)
      verdicts[v.tensor] = {v.bitExact ? VerdictState::Exact : VerdictState::Different, v};
  QList<Column> columns;
  for (int i = 0; i < kColumnCount; ++i)
    if (!checkpoint || appliesToCheckpoint(static_cast<Column>(i))) columns << static_cast<Column>(i);
  const auto classOf = [](Column column) {
    return isNumber(column) || column == Column::Shape ? QStringLiteral(" class=\"n\"")
           : column == Column::Name                    ? QStringLiteral(" class=\"name\"")
                                                       : QString();
  };
  page.raw(QStringLiteral("<div class=\"scroll\"><table>\n<thead><tr>"));
  for (const Column column : columns)
    page.raw(QStringLiteral("<th%1>%2</th>").arg(classOf(column), escaped(headerText(column, units, checkpoint))));
  page.raw(QStringLiteral("</tr></thead>\n<tbody>\n"));
  for (std::size_t i = 0; i < std::min(tensors.size(), kMostRows); ++i) {
    page.raw(QStringLiteral("<tr>"));
    for (const Column column : columns) {
      QString text = column == Column::Verdict ? verdictCell(verdicts[tensors[i].name]) : cellText(tensors[i], column, units);
      page.raw(QStringLiteral("<td%1>%2</td>").arg(classOf(column), escaped(text)));
    }
    page.raw(QStringLiteral("</tr>\n"));
  }
  page.raw(QStringLiteral("</tbody></table></div>\n"));
  if (tensors.size() > kMostRows)
    page.element(QStringLiteral("p"),
                 QStringLiteral("First %1 of %2 tensors; all are in tensors.csv.")
                     .arg(exactCount(kMostRows), exactCount(tensors.size())),
                 QStringLiteral("muted"));
}

}  // namespace

QByteArray reportPage(const ReportData& data, const QStringList& files) {
  Page page;
  const QString title = QStringLiteral("Deltascope report: ") + data.modelName;
  page.raw(
      QStringLiteral("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"));
  page.element(QStringLiteral("title"), title);
  page.raw(QStringLiteral("<style>%1</style></head>\n<body>\n").arg(QLatin1String(kStyle)));
  page.element(QStringLiteral("h1"), data.modelName);
  page.element(QStringLiteral("p"), summaryText(data.model));
  const QString verdictClass = !data.verification            ? QStringLiteral("muted")
                               : data.verification->bitExact ? QStringLiteral("good")
                                                             : QStringLiteral("bad");
  if (!data.isCheckpoint()) {
    page.element(QStringLiteral("p"), verdictWords(data), QStringLiteral("verdict ") + verdictClass);
    if (data.verification && !data.verification->bitExact) writeFailures(page, *data.verification);
  }
  page.element(QStringLiteral("p"),
               QStringLiteral("deltascope %1 · %2")
                   .arg(QStringLiteral(DELTASCOPE_VERSION), data.when.toString(QStringLiteral("yyyy-MM-dd HH:mm"))),
               QStringLiteral("muted"));

  page.element(QStringLiteral("h2"), QStringLiteral("Sizes"));
  writeFacts(page, sizes(data));

  if (!data.charts.isEmpty()) {
    page.element(QStringLiteral("h2"), QStringLiteral("Charts"));
    page.raw(QStringLiteral("<div class=\"charts\">\n"));
    for (const auto& chart : data.charts) {
      const bool wide = chart.size.width() > kWide;
      page.raw(QStringLiteral("<figure%1><a href=\"%2\"><img width=\"%3\" height=\"%4\" alt=\"%5\" "
                              "src=\"data:image/png;base64,%6\"></a></figure>\n")
                   .arg(wide ? QStringLiteral(" class=\"wide\"") : QString(), escaped(chart.file))
                   .arg(chart.size.width())
                   .arg(chart.size.height())
                   .arg(escaped(chart.caption.title + QStringLiteral(". ") + describe(chart.chart)),
                        QString::fromLatin1(chart.png.toBase64())));
    }
    page.raw(QStringLiteral("</div>\n"));
  }
  page.element(QStringLiteral("h2"), QStringLiteral("Tensors"));
  writeTable(page, data);

  page.element(QStringLiteral("h2"), QStringLiteral("Where the numbers come from"));
  page.element(QStringLiteral("p"), QStringLiteral("Machine"), QStringLiteral("muted"));
  page.raw(QStringLiteral("<ul>\n"));
  for (const QString& fact : data.machine) page.element(QStringLiteral("li"), fact);
  page.raw(QStringLiteral("</ul>\n"));
  page.element(QStringLiteral("p"), QStringLiteral("The same again"), QStringLiteral("muted"));
  page.element(QStringLiteral("pre"), data.commands.join(u'\n'));
  page.element(QStringLiteral("p"), QStringLiteral("Files beside this page"), QStringLiteral("muted"));
  page.raw(QStringLiteral("<p>"));
  QStringList links;
  for (const QString& file : files)
    if (file != QStringLiteral("index.html")) links << QStringLiteral("<a href=\"%1\">%1</a>").arg(escaped(file));
  page.raw(links.join(QStringLiteral(", ")) + QStringLiteral("</p>\n</body></html>\n"));
  return page.bytes();
}

}  // namespace deltascope::ui
