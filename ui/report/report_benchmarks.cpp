// SPDX-License-Identifier: GPL-3.0-or-later
// The benchmarks of a model's report.
#include "core/bench/record.h"
#include "ui/report/report_data.h"
#include "ui/report/run_section.h"
#include "ui/words.h"

namespace deltascope::ui {
namespace {

BenchmarkRequest benchmarkFor(const ReportRequest& request, const QString& model, BenchmarkPreset preset) {
  BenchmarkRequest benchmark;
  benchmark.model.path = request.path;
  benchmark.model.base = request.base;
  benchmark.model.device = request.device;
  benchmark.model.memoryBudget = request.memoryBudget;
  benchmark.repeat = request.repeat;
  benchmark.name = model.toStdString() + ", " + std::string(nameOf(preset));
  applyPreset(benchmark, preset);
  return benchmark;
}

}  // namespace

QString ReportBenchmark::file(const char* suffix) const {
  return QStringLiteral("benchmark-%1%2").arg(words(nameOf(preset)), QLatin1String(suffix));
}

Result<void> benchmarkInto(const ReportRequest& request, const JobContext& job, ReportData& data) {
  for (const BenchmarkPreset preset : request.benchmarks) {
    DELTASCOPE_TRY(unlessStopped(job));
    ReportBenchmark done;
    done.preset = preset;
    if (data.model.files.kind == ModelFiles::Kind::Scripts) {
      done.problem = QStringLiteral("a payload of the old scripts cannot run; import converts it");
    } else {
      sayPhase(job, "benchmarking", std::string(nameOf(preset)));
      auto run = request.engine.benchmark(benchmarkFor(request, data.modelName, preset), job, {});
      if (run)
        done.run = std::move(*run);
      else if (run.error().code == ErrorCode::Cancelled)
        return tl::make_unexpected(run.error());
      else
        done.problem = QString::fromStdString(describe(run.error()));
      if (done.run && done.run->state == BenchmarkState::Cancelled) return fail(ErrorCode::Cancelled, "cancelled");
    }
    data.benchmarks.push_back(std::move(done));
  }
  return {};
}

Result<void> writeBenchmarks(ReportFolder& folder, const JobContext& job, ReportData& data) {
  for (auto& benchmark : data.benchmarks) {
    if (!benchmark.run) continue;
    DELTASCOPE_TRY(folder.write(benchmark.file(".json"), QByteArray::fromStdString(toJsonText(*benchmark.run))));
    DELTASCOPE_TRY(folder.write(benchmark.file(".csv"), QByteArray::fromStdString(toCsv(*benchmark.run))));
    DELTASCOPE_TRY(
        folder.write(benchmark.file("-figures.csv"), QByteArray::fromStdString(figuresCsv(figuresOf(*benchmark.run)))));
    benchmark.charts = runCharts(*benchmark.run, benchmark.file("-"), sourceLine(data.modelName, data.when));
    DELTASCOPE_TRY(drawInto(folder, benchmark.charts, job));
  }
  return {};
}

}  // namespace deltascope::ui
