// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/report/report.h"

#include "core/base/last_name.h"
#include "ui/report/report_data.h"

namespace deltascope::ui {
namespace {

namespace fs = std::filesystem;
Result<void> verifyInto(const ReportRequest& request, const JobContext& job, ReportData& data) {
  const ModelFiles& files = data.model.files;
  if (files.kind == ModelFiles::Kind::Checkpoint) {
    data.notVerified = QStringLiteral("a plain checkpoint has no delta to verify");
    return {};
  }
  const bool scripts = files.kind == ModelFiles::Kind::Scripts;
  if (scripts && request.final.empty()) {
    data.notVerified = QStringLiteral("a payload of the old scripts stores no hashes; import converts it");
    return {};
  }
  if (files.kind == ModelFiles::Kind::Payload && files.base.empty()) {
    data.notVerified = QStringLiteral("the payload was given without its base");
    return {};
  }
  VerifyRequest verifying;
  verifying.path = request.path;
  verifying.base = request.base;
  verifying.final = request.final;
  DELTASCOPE_ASSIGN(data.verification, request.engine.verify(verifying, job));
  if (scripts) return {};  // nothing of it can be drawn from close by
  for (const auto& tensor : representativeTensors(data.model.tensors, request.closeUps)) {
    sayPhase(job, "measuring", tensor.name);
    auto closeUp = request.engine.closeUp(request.path, request.base, tensor.name, request.closeUpElements, job);
    if (closeUp)
      data.closeUps.push_back({tensor, std::move(*closeUp)});
    else if (closeUp.error().code == ErrorCode::Cancelled || data.verification->bitExact)
      return tl::make_unexpected(closeUp.error());
    // A damaged tensor cannot be drawn; its verdict says so already.
  }
  return {};
}

/// The headless command, with what is not as it would be anyway.
QString reportCommand(const ReportRequest& request, const QString& files) {
  QString command = QStringLiteral("deltascope --report %1 %2").arg(shellWord(request.out), files);
  const ReportRequest usual;
  if (request.benchmarks.empty()) command += QStringLiteral(" --benchmark none");
  if (request.benchmarks.empty()) return command;
  if (request.benchmarks != usual.benchmarks)
    for (const BenchmarkPreset preset : request.benchmarks)
      command += QStringLiteral(" --benchmark ") + QString::fromStdString(std::string(nameOf(preset)));
  if (request.device != usual.device) command += QStringLiteral(" --device ") + QString::fromStdString(request.device);
  if (request.memoryBudget) command += QStringLiteral(" --memory-budget %1").arg(*request.memoryBudget);
  if (request.repeat != usual.repeat) command += QStringLiteral(" --repeat %1").arg(request.repeat);
  return command;
}

QStringList commandsFor(const ReportRequest& request) {
  const auto option = [](const char* name, const fs::path& path) {
    return path.empty() ? QString() : QStringLiteral(" --%1 %2").arg(QLatin1String(name), shellWord(path));
  };
  const QString path = shellWord(request.path), base = option("base", request.base), final = option("final", request.final);
  return {request.command.isEmpty() ? reportCommand(request, path + base + final) : request.command,
          QStringLiteral("deltascope-cli inspect %1 --csv").arg(path),
          QStringLiteral("deltascope-cli verify %1%2%3").arg(path, base, final)};
}

std::map<std::string, Verdict> verdictsOf(const ReportData& data) {
  std::map<std::string, Verdict> verdicts;
  if (data.verification)
    for (const Verdict& verdict : data.verification->verdicts) verdicts[verdict.tensor] = verdict;
  return verdicts;
}

}  // namespace

Result<ReportFiles> writeReport(const ReportRequest& request, const JobContext& job) {
  DELTASCOPE_ASSIGN(ReportPlace place, reportPlace(request.out));
  ReportData data;
  sayPhase(job, "reading");
  DELTASCOPE_ASSIGN(data.model, request.engine.inspect(request.path, request.base));
  data.modelName = QString::fromStdString(lastNameOf(request.path.string()));
  data.when = request.when;
  DELTASCOPE_TRY(verifyInto(request, job, data));
  DELTASCOPE_TRY(benchmarkInto(request, job, data));
  data.machine = machineFacts(request.engine);
  data.commands = commandsFor(request);

  DELTASCOPE_ASSIGN(ReportFolder folder, ReportFolder::create(std::move(place)));
  DELTASCOPE_TRY(
      folder.write(QStringLiteral("tensors.csv"), QByteArray::fromStdString(toCsv(data.model.tensors, verdictsOf(data)))));
  if (data.verification) DELTASCOPE_TRY(folder.write(QStringLiteral("verdicts.csv"), verdictsCsv(data.verification->verdicts)));
  if (!data.model.findings.empty())
    DELTASCOPE_TRY(folder.write(QStringLiteral("findings.csv"), findingsCsv(data.model.findings)));
  data.charts = chartsFor(data);
  DELTASCOPE_TRY(drawInto(folder, data.charts, job));
  DELTASCOPE_TRY(writeBenchmarks(folder, job, data));
  DELTASCOPE_TRY(folder.write(QLatin1String(kReportSummary), summaryJson(data, folder.names())));
  DELTASCOPE_TRY(folder.write(QLatin1String(kReportPage), reportPage(data, folder.names())));
  DELTASCOPE_TRY(unlessStopped(job));
  DELTASCOPE_TRY(folder.commit());

  ReportFiles written;
  written.folder = folder.out();
  written.page = folder.out() / kReportPage;
  written.files = folder.paths();
  if (data.verification) written.bitExact = data.verification->bitExact;
  for (const auto& benchmark : data.benchmarks)
    written.benchmarksPassed =
        written.benchmarksPassed && (!benchmark.run || benchmark.run->rows.empty() || benchmark.run->passed());
  return written;
}

}  // namespace deltascope::ui
