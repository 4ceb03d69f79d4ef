// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Inside of ui/report: what a report says, before it is written.
#include <QByteArray>
#include <QList>
#include <QStringList>

#include "core/rebuild/verify.h"
#include "core/source/locate.h"
#include "ui/report/report.h"
#include "ui/report/report_chart.h"
#include "ui/report/run_command.h"

namespace deltascope::ui {

struct ReportCloseUp {
  TensorStats tensor;
  TensorCloseUp closeUp;
};

/// What came of one benchmark.
struct ReportBenchmark {
  BenchmarkPreset preset = BenchmarkPreset::SmallAndLarge;
  std::optional<BenchmarkRun> run;
  QString problem;  ///< why there is no run
  QList<ReportChart> charts;

  [[nodiscard]] QString file(const char* suffix) const;  ///< "benchmark-small-and-large.json"
};

struct ReportData {
  QString modelName;
  Inspection model;
  std::optional<VerifyResult> verification;
  QString notVerified;  ///< why there is none
  std::vector<ReportCloseUp> closeUps;
  std::vector<ReportBenchmark> benchmarks;
  QList<ReportChart> charts;
  QStringList machine;   ///< one fact a line
  QStringList commands;  ///< what makes the report and its numbers again
  QDateTime when;

  [[nodiscard]] bool isCheckpoint() const { return model.files.kind == ModelFiles::Kind::Checkpoint; }
};

/// Runs what the request asks for, each into data.benchmarks. Only Cancelled is an error.
[[nodiscard]] Result<void> benchmarkInto(const ReportRequest& request, const JobContext& job, ReportData& data);
/// The records, tables and charts of data.benchmarks into the folder.
[[nodiscard]] Result<void> writeBenchmarks(ReportFolder& folder, const JobContext& job, ReportData& data);

/// Heat map, bits/weight by layer, bytes by codec, and the close-ups' histograms and maps; only what is not empty.
[[nodiscard]] QList<ReportChart> chartsFor(const ReportData& data);
/// Up to `count` tensors: the largest of each kind that has a delta, the largest kinds first.
[[nodiscard]] std::vector<TensorStats> representativeTensors(const std::vector<TensorStats>& tensors, int count);

[[nodiscard]] LinesChart bitsByLayer(const std::vector<TensorStats>& tensors);
[[nodiscard]] BarsChart bytesByCodec(const std::vector<TensorStats>& tensors, bool checkpoint);

[[nodiscard]] QString verdictWords(const ReportData& data);  ///< "✓ bit-exact: 8,388,608 of 8,388,608 weights in 74 tensors"
[[nodiscard]] QByteArray verdictsCsv(const std::vector<Verdict>& verdicts);
[[nodiscard]] QByteArray findingsCsv(const std::vector<Finding>& findings);
[[nodiscard]] QByteArray summaryJson(const ReportData& data, const QStringList& files);
[[nodiscard]] QByteArray reportPage(const ReportData& data, const QStringList& files);
[[nodiscard]] QStringList machineFacts(const Engine& engine);

}  // namespace deltascope::ui
