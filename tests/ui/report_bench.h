// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// A report over a generated model, with what was asked of the engine.
#include <QDir>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTemporaryDir>

#include "tests/ui/generated_model.h"
#include "tests/ui/generated_run.h"
#include "ui/report/report.h"

namespace deltascope::ui {

struct ReportBench {
  QTemporaryDir folder;
  GeneratedEngine generated;
  ReportRequest request;

  explicit ReportBench(std::shared_ptr<Inspection> model = generatedModel(4)) {
    generated.model = std::move(model);
    request.engine = generated.engine();
    request.path = generated.model->files.path;
    request.base = generated.model->files.base;
    request.out = path("report");
    request.when = QDateTime(QDate(2026, 11, 23), QTime(14, 5));
    request.closeUps = 0;  // drawing takes most of the time
    request.benchmarks.clear();
    request.engine.benchmark = [this](const BenchmarkRequest& asked, const JobContext&,
                                      const BenchmarkHooks&) -> Result<BenchmarkRun> {
      benchmarked.push_back(asked);
      return asked.generate ? generatedGenerationRun() : generatedRun();
    };
  }
  /// Everything that a report has unless told otherwise.
  ReportBench& whole() {
    request.closeUps = ReportRequest().closeUps;
    return measured();
  }
  ReportBench& measured() {
    request.benchmarks = ReportRequest().benchmarks;
    return *this;
  }
  std::vector<BenchmarkRequest> benchmarked;
  QJsonObject json(const char* name) const { return QJsonDocument::fromJson(read(name)).object(); }
  QString page() const { return QString::fromUtf8(read("index.html")); }
  std::filesystem::path path(const char* name) const { return folder.filePath(name).toStdString(); }
  QByteArray read(const char* name) const {
    QFile file(QDir(QString::fromStdString(request.out.string())).filePath(name));
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
  }
  QStringList entries(const QString& name = {}) const {
    return QDir(folder.filePath(name)).entryList(QDir::AllEntries | QDir::Hidden | QDir::NoDotAndDotDot);
  }
};

}  // namespace deltascope::ui
