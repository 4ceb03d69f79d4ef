// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/report/run_report.h"

#include <nlohmann/json.hpp>

#include "core/bench/diff.h"
#include "core/bench/record.h"
#include "ui/report/run_command.h"
#include "ui/report/run_section.h"
#include "ui/report/run_words.h"

namespace deltascope::ui {
namespace {

QByteArray summary(const RunReportRequest& request, const RunSection& section, const QStringList& files) {
  using Json = nlohmann::ordered_json;
  const BenchmarkRun& run = request.run;
  Json json{{"tool", "deltascope"},
            {"version", DELTASCOPE_VERSION},
            {"date", request.when.toString(Qt::ISODate).toStdString()},
            {"model", run.path},
            {"kind", "benchmark run"},
            {"name", run.name},
            {"created", run.created},
            {"state", nameOf(run.state)},
            {"partial", run.state != BenchmarkState::Complete},
            {"passed", run.passed()},
            {"verdict", runVerdict(run).toStdString()},
            {"figures", toJson(run).at("figures")},
            {"machine_load", toJson(run).at("machine_load")},
            {"rows", run.rows.size()},
            {"baselines", run.baselines.size()},
            {"skipped", run.skipped.size()}};
  if (request.baseline) {
    json["baseline"] = {{"name", request.baseline->name}, {"created", request.baseline->created}};
    json["differing_rows"] = compareRuns(*request.baseline, run, request.threshold).differing();
  }
  json["commands"] = Json::array();
  for (const QString& command : section.commands) json["commands"].push_back(command.toStdString());
  json["files"] = Json::array();
  for (const QString& file : files) json["files"].push_back(file.toStdString());
  return QByteArray::fromStdString(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

QByteArray page(const RunReportRequest& request, const RunSection& section, const QStringList& files) {
  const QString title = runTitle(request.run);
  HtmlPage page(QStringLiteral("Deltascope benchmark: ") + title);
  page.element(QStringLiteral("h1"), title);
  page.element(QStringLiteral("p"),
               QStringLiteral("Benchmark run · deltascope %1 · %2")
                   .arg(QStringLiteral(DELTASCOPE_VERSION), request.when.toString(QStringLiteral("yyyy-MM-dd HH:mm"))),
               QStringLiteral("muted"));
  writeRun(page, section);
  page.element(QStringLiteral("h2"), QStringLiteral("Files beside this page"));
  page.links(files);
  return page.finish();
}

}  // namespace

Result<ReportFiles> writeRunReport(const RunReportRequest& request, const JobContext& job) {
  DELTASCOPE_ASSIGN(ReportPlace place, reportPlace(request.out));
  DELTASCOPE_ASSIGN(ReportFolder folder, ReportFolder::create(std::move(place)));
  const BenchmarkRun& run = request.run;
  const auto bytes = [](const std::string& text) { return QByteArray::fromStdString(text); };
  RunSection section;
  section.run = &run;
  section.rowsFile = QStringLiteral("rows.csv");
  section.differencesFile = QStringLiteral("differences.csv");
  section.figuresFile = QStringLiteral("figures.csv");
  section.threshold = request.threshold;
  section.commands = request.command.isEmpty() ? QStringList{benchmarkCommand(run)} : request.command;
  DELTASCOPE_TRY(folder.write(QStringLiteral("run.json"), bytes(toJsonText(run))));
  DELTASCOPE_TRY(folder.write(section.rowsFile, bytes(toCsv(run))));
  DELTASCOPE_TRY(folder.write(section.figuresFile, bytes(figuresCsv(figuresOf(run)))));
  if (!run.memory.empty()) DELTASCOPE_TRY(folder.write(QStringLiteral("memory.csv"), memoryCsv(run)));
  if (request.baseline) {
    section.baseline = &*request.baseline;
    DELTASCOPE_TRY(folder.write(QStringLiteral("baseline.json"), bytes(toJsonText(*request.baseline))));
    DELTASCOPE_TRY(
        folder.write(section.differencesFile, bytes(toCsv(compareRuns(*request.baseline, run, request.threshold), true))));
  }
  section.charts = runCharts(run, {}, sourceLine(runTitle(run), request.when));
  DELTASCOPE_TRY(drawInto(folder, section.charts, job));
  DELTASCOPE_TRY(folder.write(QLatin1String(kReportSummary), summary(request, section, folder.names())));
  DELTASCOPE_TRY(folder.write(QLatin1String(kReportPage), page(request, section, folder.names())));
  DELTASCOPE_TRY(unlessStopped(job));
  DELTASCOPE_TRY(folder.commit());
  ReportFiles written;
  written.folder = folder.out();
  written.page = folder.out() / kReportPage;
  written.files = folder.paths();
  if (!run.rows.empty()) written.bitExact = run.passed();
  return written;
}

}  // namespace deltascope::ui
