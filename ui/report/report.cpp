// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/report/report.h"

#include <QCoreApplication>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/file.h"
#include "core/pipeline/replace.h"
#include "ui/report/report_data.h"

namespace deltascope::ui {
namespace {

namespace fs = std::filesystem;
constexpr const char* kSummary = "summary.json";
constexpr const char* kPage = "index.html";

/// The folder may be filled: absent, empty, or an earlier report with nothing else in it.
Result<bool> mustReplace(const fs::path& out) {
  std::error_code error;
  if (!fs::exists(out, error)) return false;
  if (!fs::is_directory(out, error))
    return fail(ErrorCode::InvalidArgument, at({out, {}, {}}, "is not a folder"), "name a new folder for the report");
  std::set<std::string> present;
  for (fs::directory_iterator entry(out, error), end; !error && entry != end; entry.increment(error))
    present.insert(entry->path().filename().string());
  if (error) return fail(ErrorCode::Io, at({out, {}, {}}, "cannot be read: " + error.message()));
  if (present.empty()) return false;
  const auto refused = [&](const std::string& name) {
    return fail(ErrorCode::InvalidArgument, at({out, {}, {}}, "holds " + name + ", which is no part of a report"),
                "name a new folder for the report");
  };
  if (!present.count(kSummary)) return refused(*present.begin());
  const auto text = readTextFile(out / kSummary, 16u << 20);
  if (!text) return tl::make_unexpected(text.error());
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  std::set<std::string> ours;
  if (json.is_object() && json.value("tool", nlohmann::json()) == "deltascope" && json.contains("files") &&
      json["files"].is_array())
    for (const auto& name : json["files"])
      if (name.is_string()) ours.insert(name.get<std::string>());
  for (const std::string& name : present)
    if (!ours.count(name) || !fs::is_regular_file(fs::symlink_status(out / name, error))) return refused(name);
  return true;
}

class Writer {
 public:
  Writer(const fs::path& folder) : m_folder(folder) {}
  Result<void> write(const QString& name, const QByteArray& bytes) const {
    return writeTextFile(m_folder / name.toStdString(), {bytes.constData(), static_cast<std::size_t>(bytes.size())});
  }

 private:
  fs::path m_folder;
};

Result<void> stopped(const JobContext& job) {
  if (job.stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
  return {};
}

void say(const JobContext& job, const char* phase, const std::string& tensor = {}) {
  if (!job.progress) return;
  Progress progress;
  progress.phase = phase;
  progress.tensor = tensor;
  job.progress(progress);
}

Result<void> verifyInto(const ReportRequest& request, const JobContext& job, ReportData& data) {
  const ModelFiles& files = data.model.files;
  if (files.kind == ModelFiles::Kind::Checkpoint) {
    data.notVerified = QStringLiteral("a plain checkpoint has no delta to verify");
    return {};
  }
  if (files.kind == ModelFiles::Kind::Scripts) {
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
  for (const auto& tensor : representativeTensors(data.model.tensors, request.closeUps)) {
    say(job, "measuring", tensor.name);
    auto closeUp = request.engine.closeUp(request.path, request.base, tensor.name, request.closeUpElements, job);
    if (closeUp)
      data.closeUps.push_back({tensor, std::move(*closeUp)});
    else if (closeUp.error().code == ErrorCode::Cancelled || data.verification->bitExact)
      return tl::make_unexpected(closeUp.error());
    // A damaged tensor cannot be drawn; its verdict says so already.
  }
  return {};
}

QStringList commandsFor(const ReportRequest& request) {
  const auto option = [](const char* name, const fs::path& path) {
    return path.empty() ? QString() : QStringLiteral(" --%1 %2").arg(QLatin1String(name), shellWord(path));
  };
  const QString path = shellWord(request.path), base = option("base", request.base), final = option("final", request.final);
  const QString report = QStringLiteral("deltascope --report %1 %2%3%4").arg(shellWord(request.out), path, base, final);
  return {request.command.isEmpty() ? report : request.command, QStringLiteral("deltascope-cli inspect %1 --csv").arg(path),
          QStringLiteral("deltascope-cli verify %1%2%3").arg(path, base, final)};
}

QString nameOfModel(const fs::path& path) {
  const fs::path clean = path.lexically_normal();
  const fs::path name = clean.has_filename() ? clean.filename() : clean.parent_path().filename();
  return QString::fromStdString(name.empty() ? path.string() : name.string());
}

}  // namespace

Result<ReportFiles> writeReport(const ReportRequest& request, const JobContext& job) {
  if (request.out.empty()) return fail(ErrorCode::InvalidArgument, "no folder for the report was given", "name a new folder");
  const fs::path out = request.out.has_filename() ? request.out : request.out.parent_path();
  DELTASCOPE_ASSIGN(const bool replace, mustReplace(out));

  ReportData data;
  say(job, "reading");
  DELTASCOPE_ASSIGN(data.model, request.engine.inspect(request.path, request.base));
  data.modelName = nameOfModel(request.path);
  data.when = request.when;
  DELTASCOPE_TRY(verifyInto(request, job, data));
  data.machine = machineFacts(request.engine);
  data.commands = commandsFor(request);

  const fs::path fresh =
      replace ? replacementFor(out).replace_extension("." + std::to_string(QCoreApplication::applicationPid()) + ".new") : out;
  DELTASCOPE_ASSIGN(AtomicFolder folder, AtomicFolder::create(fresh));
  const Writer writer(folder.path());
  QStringList files{QLatin1String(kPage), QLatin1String(kSummary), QStringLiteral("tensors.csv")};
  DELTASCOPE_TRY(writer.write(QStringLiteral("tensors.csv"), QByteArray::fromStdString(toCsv(data.model.tensors))));
  if (data.verification) {
    files << QStringLiteral("verdicts.csv");
    DELTASCOPE_TRY(writer.write(QStringLiteral("verdicts.csv"), verdictsCsv(data.verification->verdicts)));
  }
  data.charts = chartsFor(data);
  for (auto& chart : data.charts) {
    DELTASCOPE_TRY(stopped(job));
    say(job, "drawing");
    DELTASCOPE_ASSIGN(const QImage image, renderChartAnywhere(chart.chart, chart.caption, 2, job.stop));
    chart.png = pngBytes(image);
    chart.size = pictureSize(chart.chart);
    files << chart.file;
    DELTASCOPE_TRY(writer.write(chart.file, chart.png));
  }
  DELTASCOPE_TRY(writer.write(QLatin1String(kSummary), summaryJson(data, files)));
  DELTASCOPE_TRY(writer.write(QLatin1String(kPage), reportPage(data, files)));
  DELTASCOPE_TRY(stopped(job));
  DELTASCOPE_TRY(folder.commit());
  if (replace) DELTASCOPE_TRY(replaceFolder(fresh, out));

  ReportFiles written;
  written.folder = out;
  written.page = out / kPage;
  for (const QString& file : files) written.files.push_back(out / file.toStdString());
  if (data.verification) written.bitExact = data.verification->bitExact;
  return written;
}

}  // namespace deltascope::ui
