// SPDX-License-Identifier: Apache-2.0
// Benchmark runs of real models: every mode gives the final's bits, figures add up, and what goes wrong is said.
#include <QtTest>
#include <fstream>
#include <map>
#include <set>

#include "core/base/file.h"
#include "core/bench/record.h"
#include "core/bench/recorder.h"
#include "core/bench/run_figures.h"
#include "tests/core/bench/benchmark_demo.h"

using namespace deltascope;
using namespace deltascope::test;
namespace fs = std::filesystem;

class TestBenchmark : public BenchmarkDemo {
  Q_OBJECT
 private slots:
  void measuresEveryMode_data() {
    QTest::addColumn<QString>("codec");
    for (const char* codec : {"auto", "bitpack", "zstd", "additive"}) QTest::newRow(codec) << codec;
  }
  void measuresEveryMode() {
    QFETCH(QString, codec);
    BenchmarkRequest asked = request();
    asked.model.path = packed(codec.toStdString());
    const BenchmarkRun run = take(benchmark(asked, {}));
    QVERIFY2(run.state == BenchmarkState::Complete, run.reason.c_str());
    QVERIFY(run.passed());
    QCOMPARE(run.rows.size(), std::size_t{3});
    for (const char* mode : {"static", "jit", "stream"}) {
      const BenchmarkRow* row = find(run.rows, kQuery, mode);
      QVERIFY2(row, mode);
      QVERIFY(row->bitExact && row->elementsCompared == 65536 && row->elementsDifferent == 0);
      QCOMPARE(row->layerBytes, std::uint64_t{131072});
      QCOMPARE(row->residentMs.values.size(), std::size_t{3});
      QCOMPARE(row->usedMs.values.size(), std::size_t{3});
      QCOMPARE(row->rebuildMs.values.size(), std::size_t{3});
      QVERIFY(row->reconstructGbPerSecond() > 0 && row->copyShare > 0);
      QVERIFY(row->peakMemoryBytes > row->residentBytes);
      QVERIFY(row->outputNorm > 0);
      QCOMPARE(row->outputCount, std::uint64_t{256});
      QCOMPARE(row->outputHash, run.rows.front().outputHash);
    }
    QCOMPARE(find(run.rows, kQuery, "static")->memorySavedBytes(), std::int64_t{0});
    QVERIFY(find(run.rows, kQuery, "stream")->memorySavedBytes() > 0);
    QVERIFY(run.copyBytesPerSecond > 1e8);
    const BenchmarkRow* additive = find(run.baselines, kQuery, "additive");
    QVERIFY(additive && additive->bitExact && additive->storedBytes > additive->layerBytes);
    QCOMPARE(additive->outputHash, run.rows.front().outputHash);
    const BenchmarkRow* zstd = find(run.baselines, kQuery, "zstd");
    QVERIFY(zstd && zstd->bitExact);
    const BenchmarkRow* base = find(run.baselines, kQuery, "base");
    QVERIFY(base && !base->bitExact && base->elementsDifferent > 50000);
    QVERIFY(base->outputHash != run.rows.front().outputHash && base->outputNorm > 0);
  }

  /// What the system says of the process, not what the run accounted.
  void ownMemoryIsTheProcesss() {
    const std::vector<char> ballast(std::size_t{96} << 20, 1);
    BenchmarkRequest asked = request(kEmbedding);
    asked.baselines = false;
    const BenchmarkRun run = take(benchmark(asked, {}));
    QVERIFY(ballast.back() == 1 && !run.memory.empty());
    std::uint64_t most = 0;
    for (const auto& sample : run.memory) {
      QVERIFY(sample.own >= ballast.size() && sample.own + sample.others <= sample.total);
      most = std::max(most, sample.own);
    }
    QVERIFY(run.ownPeakBytes >= most && run.ownPeakBytes <= run.memory.front().total);
    QVERIFY2(run.memorySource.find("VmRSS") != std::string::npos, run.memorySource.c_str());
    QVERIFY(run.load && run.load->processors > 0 && run.load->own > 0);
    QVERIFY(!run.ownIsAccounted);
  }

  void theReferenceLiesBesideThePlan() {
    BenchmarkRequest asked = request(kEmbedding);
    asked.model.memoryBudget = std::uint64_t{14} << 20;
    const BenchmarkRun run = take(benchmark(asked, {}));
    const RunFigures figures = figuresOf(run);
    QCOMPARE(figures.mode, std::string("jit"));
    const std::uint64_t peak = figures.count(RunFigureId::Peak);
    QCOMPARE(peak, find(run.rows, kEmbedding, "jit")->peakMemoryBytes);
    QVERIFY(peak > 0 && peak <= run.budget);
    QVERIFY(figures.count(RunFigureId::PlannedPeak) >= peak);
    QVERIFY2(figures.count(RunFigureId::OutsidePeak) > run.budget, "the copy probe takes 128 MiB");
    std::uint64_t drawn = 0;
    std::set<std::string> phases;
    for (const auto& sample : run.memory) {
      phases.insert(sample.phase);
      if (withinBudget(sample.phase)) QVERIFY(sample.accounted <= run.budget);
      if (sample.phase == "jit") drawn = std::max(drawn, sample.accounted);
    }
    QCOMPARE(drawn, peak);
    for (const char* phase : {"preparation", "static", "jit", "stream", "additive", "zstd", "base"})
      QVERIFY2(phases.contains(phase), phase);
  }

  void measuresPayloadsOverAPlainBase() {
    BenchmarkRequest asked = request(std::string(kQuery) + ",model.layers.0.input_layernorm.weight");
    asked.model.path = kDemo / "base.delta.safetensors";
    asked.model.base = kDemo / "chat";
    const BenchmarkRun run = take(benchmark(asked, {}));
    QVERIFY2(run.state == BenchmarkState::Complete, run.reason.c_str());
    QVERIFY(run.passed());
    QCOMPARE(run.rows.size(), std::size_t{4});
    const BenchmarkRow* norm = find(run.rows, "model.layers.0.input_layernorm.weight", "static");
    QVERIFY(norm && norm->bitExact && norm->outputNorm > 0 && norm->operation == "norm");
    QCOMPARE(norm->outputCount, std::uint64_t{256});
  }

  void measuresACheckpointAsItIs() {
    BenchmarkRequest asked = request();
    asked.model.path = kDemo / "chat";
    const BenchmarkRun plain = take(benchmark(asked, {}));
    QVERIFY(plain.passed() && plain.baselines.empty());
    const BenchmarkRun exact = take(benchmark(request(), {}));
    QCOMPARE(plain.rows.front().outputHash, exact.rows.front().outputHash);
  }

  void measuresTheBaseAlone() {
    BenchmarkRequest asked = request();
    asked.model.baseOnly = true;
    const BenchmarkRun run = take(benchmark(asked, {}));
    QVERIFY2(run.passed(), run.reason.c_str());
    const BenchmarkRow* row = find(run.rows, kQuery, "jit");
    QVERIFY(row && row->bitExact && row->memorySavedBytes() > 0);
  }

  void presetsChoose_data() {
    QTest::addColumn<int>("preset");
    QTest::addColumn<int>("tensors");
    QTest::newRow("small and large") << int(BenchmarkPreset::SmallAndLarge) << 2;
    QTest::newRow("one layer") << int(BenchmarkPreset::OneLayer) << 9;
    QTest::newRow("whole model") << int(BenchmarkPreset::WholeModel) << 74;
  }
  void presetsChoose() {
    QFETCH(int, preset);
    QFETCH(int, tensors);
    BenchmarkRequest asked = request({});
    asked.modes = {Placement::Static};
    asked.baselines = false;
    asked.repeat = 1;
    asked.warmup = 0;
    applyPreset(asked, static_cast<BenchmarkPreset>(preset));
    const BenchmarkRun run = take(benchmark(asked, {}));
    QVERIFY(run.passed());
    QCOMPARE(int(run.rows.size()), tensors);
    QVERIFY(benchmarkPresetFromName(nameOf(static_cast<BenchmarkPreset>(preset))) == static_cast<BenchmarkPreset>(preset));
  }

  void theSeedDecidesTheInput() {
    BenchmarkRequest asked = request();
    asked.modes = {Placement::Jit};
    asked.baselines = false;
    const auto hash = [&](std::uint64_t seed) {
      asked.seed = seed;
      return take(benchmark(asked, {})).rows.at(0).outputHash;
    };
    QCOMPARE(hash(7), hash(7));
    QVERIFY(hash(7) != hash(8));
  }

  void widerBatchesGiveMoreOutputs() {
    BenchmarkRequest asked = request();
    asked.batch = 5;
    const BenchmarkRun run = take(benchmark(asked, {}));
    QVERIFY(run.passed());
    for (const auto& row : run.rows) QCOMPARE(row.outputCount, std::uint64_t{5 * 256});
  }

  void staysWithinTheBudget() {
    BenchmarkRequest asked = request(kEmbedding);
    asked.model.memoryBudget = std::uint64_t{4300} << 10;
    asked.baselines = false;
    const BenchmarkRun run = take(benchmark(asked, {}));
    QVERIFY(run.passed());
    QVERIFY(!find(run.rows, kEmbedding, "static"));
    const BenchmarkSkip* skip = skipOf(run, "static");
    QVERIFY(skip && skip->reason.find("budget") != std::string::npos);
    for (const auto& row : run.rows) QVERIFY(row.peakMemoryBytes <= *asked.model.memoryBudget);
  }

  void measuresGeneration() {
    BenchmarkRequest asked = request({});
    asked.generate = 8;
    asked.prompt = {8187, 433, 711};
    asked.modes = {Placement::Jit, Placement::Stream};
    int tokens = 0;
    BenchmarkHooks hooks;
    hooks.onToken = [&](double, double rate) { tokens += rate > 0; };
    const BenchmarkRun run = take(benchmark(asked, {}, hooks));
    QVERIFY2(run.state == BenchmarkState::Complete, run.reason.c_str());
    QVERIFY(run.passed());
    QCOMPARE(run.rows.size(), std::size_t{2});
    LoadRequest plain;
    plain.path = kDemo / "chat";
    plain.context = 16;
    auto model = take(Model::load(plain, {}));
    const auto session = take(Session::create(model));
    GenerateRequest generating;
    generating.prompt = asked.prompt;
    generating.maxNewTokens = 8;
    generating.ignoreEnd = true;
    const Generation truth = take(session->generate(generating, {}));
    for (const auto& row : run.rows) {
      const auto& g = *row.generation;
      QCOMPARE(g.logitsHash, truth.logitsHash);
      QCOMPARE(g.ids, truth.ids);
      QVERIFY(g.reproducible && g.matchesResident == true && row.bitExact && row.outputNorm > 0);
      QCOMPARE(g.tokensPerSecond.values.size(), std::size_t{3});
      QVERIFY(g.timeToFirstTokenMs.median() > 0 && g.bytesPerToken > 0 && row.memorySavedBytes() > 0);
      QVERIFY(row.peakMemoryBytes <= g.expectedPeakBytes);
    }
    const BenchmarkRow* base = find(run.baselines, "(generation)", "base");
    QVERIFY(base && !base->bitExact && base->generation->matchesResident == false);
    QVERIFY(find(run.baselines, "(generation)", "resident"));
    QVERIFY(tokens >= 7 * 3 * 2);
  }

  /// With drafts and, beside it, without: the same bits, in fewer passes. Simulated ones are right as often as asked for.
  void generatesWithDrafts_data() {
    QTest::addColumn<DraftSource>("source");
    QTest::addColumn<double>("simulated");
    QTest::addColumn<bool>("baselines");
    QTest::newRow("by the base") << DraftSource::Base << -1.0 << true;
    QTest::newRow("by whichever pays") << DraftSource::Auto << -1.0 << true;
    QTest::newRow("always right") << DraftSource::Base << 1.0 << true;
    QTest::newRow("mostly right") << DraftSource::Base << 0.9 << false;
    QTest::newRow("never right") << DraftSource::Base << 0.0 << false;
  }
  void generatesWithDrafts() {
    QFETCH(DraftSource, source);
    QFETCH(double, simulated);
    QFETCH(bool, baselines);
    BenchmarkRequest asked = request("");
    asked.generate = 41;
    asked.modes = {Placement::Jit};
    asked.draft = source;
    asked.draftTokens = 4;
    asked.baselines = baselines;
    asked.repeat = 5;
    if (simulated >= 0) asked.simulatedAcceptance = simulated;
    double best = 0;
    BenchmarkHooks hooks;
    hooks.onToken = [&](double, double rate) { best = std::max(best, rate); };
    const BenchmarkRun run = take(benchmark(asked, {}, hooks));
    QVERIFY2(run.state == BenchmarkState::Complete, run.reason.c_str());
    QVERIFY(run.passed());
    QCOMPARE(run.rows.size(), std::size_t{1});
    const auto& g = *run.rows[0].generation;
    const DraftFigures& drafts = *g.drafts;
    QCOMPARE(drafts.source, std::string(nameOf(source)));
    QCOMPARE(drafts.exactPasses + drafts.accepted, std::uint64_t{5 * 40});
    QCOMPARE(drafts.simulatedAcceptance.has_value(), simulated >= 0);
    QVERIFY(drafts.drafted > 0 && drafts.acceptance() && drafts.draftMs.median() > 0 && drafts.verifyMs.median() > 0);
    if (simulated == 1) QCOMPARE(drafts.exactPasses, std::uint64_t{5 * 8});
    if (simulated == 0) QCOMPARE(drafts.exactPasses, std::uint64_t{5 * 40});
    // 200 tokens: three standard deviations are 0.065.
    if (simulated >= 0)
      QVERIFY2(std::abs(*drafts.acceptance() - simulated) < 0.07, qPrintable(QString::number(*drafts.acceptance())));
    QVERIFY2(best < 20 * g.tokensPerSecond.median(), "tokens that come together are no speed of their own");
    const BenchmarkRow* without = find(run.baselines, "(generation)", "jit-undrafted");
    QCOMPARE(without != nullptr, baselines);
    QCOMPARE(run.settings.at("draft"), std::string(nameOf(source)));
    if (!without) return;
    QCOMPARE(without->generation->logitsHash, g.logitsHash);
    QCOMPARE(without->generation->ids, g.ids);
    QCOMPARE(without->generation->drafts->drafted, std::uint64_t{0});
    QCOMPARE(without->generation->drafts->exactPasses, std::uint64_t{5 * 40});
    QCOMPARE(*figuresOf(run)[RunFigureId::UndraftedSpeed].value, rounded(without->generation->tokensPerSecond.median()));
    QCOMPARE(find(run.baselines, "(generation)", "resident")->generation->drafts->source, std::string("off"));
  }

  void refusesDraftsThatCannotBe_data() {
    QTest::addColumn<DraftSource>("source");
    QTest::addColumn<int>("tokens");
    QTest::addColumn<double>("simulated");
    QTest::addColumn<int>("generate");
    QTest::newRow("of no generation") << DraftSource::Auto << 0 << -1.0 << 0;
    QTest::newRow("too many a pass") << DraftSource::Base << int(kMostDrafts) + 1 << -1.0 << 4;
    QTest::newRow("so many of none") << DraftSource::Off << 4 << -1.0 << 4;
    QTest::newRow("simulated look-up") << DraftSource::Lookup << 4 << 0.5 << 4;
    QTest::newRow("simulated without drafts") << DraftSource::Off << 0 << 0.5 << 4;
    QTest::newRow("more than always right") << DraftSource::Base << 4 << 1.5 << 4;
    QTest::newRow("a share that is no number") << DraftSource::Base << 4 << std::numeric_limits<double>::quiet_NaN() << 4;
  }
  void refusesDraftsThatCannotBe() {
    QFETCH(DraftSource, source);
    QFETCH(int, tokens);
    QFETCH(double, simulated);
    QFETCH(int, generate);
    BenchmarkRequest asked = request(generate ? "" : kQuery);
    asked.generate = static_cast<std::uint32_t>(generate);
    asked.draft = source;
    asked.draftTokens = static_cast<std::uint32_t>(tokens);
    if (!(simulated < 0)) asked.simulatedAcceptance = simulated;
    const auto run = benchmark(asked, {});
    QVERIFY(!run);
    QCOMPARE(run.error().code, ErrorCode::InvalidArgument);
  }

  void tellsWhileItRuns() {
    BenchmarkRequest asked = request("model.layers.0.*");
    asked.out = scratch("live.json");
    std::map<std::string, int> latencies;
    int rows = 0, memory = 0;
    BenchmarkState seen = BenchmarkState::Complete;
    BenchmarkHooks hooks;
    hooks.onLatency = [&](std::string_view tensor, std::string_view mode, double ms) {
      if (tensor == kQuery && ms > 0) ++latencies[std::string(mode)];
    };
    hooks.onRow = [&](const BenchmarkRow&, bool) {
      ++rows;
      seen = take(readRun(asked.out)).state;
    };
    hooks.onMemory = [&](const BenchmarkMemory& m) { memory += m.total > m.accounted && m.accounted > 0; };
    std::vector<std::string> chosen;
    int pauses = 0;
    hooks.onChosen = [&](std::span<const std::string> names) { chosen.assign(names.begin(), names.end()); };
    hooks.onPause = [&] { ++pauses; };
    const BenchmarkRun run = take(benchmark(asked, {}, hooks));
    QVERIFY(run.passed());
    QCOMPARE(rows, int(run.rows.size() + run.baselines.size()));
    for (const char* mode : {"resident", "static", "jit", "stream", "additive", "zstd", "base"})
      QVERIFY2(latencies[mode] == 3, mode);
    QVERIFY(memory >= 1 && memory == int(run.memory.size()));
    QVERIFY2(seen == BenchmarkState::Running, "a killed run leaves a readable, partial record");
    std::set<std::string> measured;
    for (const auto& row : run.rows) measured.insert(row.tensor);
    QCOMPARE(std::set<std::string>(chosen.begin(), chosen.end()), measured);
    QCOMPARE(chosen.size(), measured.size());
    QVERIFY2(pauses >= rows, "one before each series of repetitions");
    const BenchmarkRun kept = take(readRun(asked.out));
    QVERIFY(kept.state == BenchmarkState::Complete);
    QVERIFY(toJson(kept) == toJson(run));
  }

  /// Phase, step, tensor, a share that only grows, and an end: for tensors, for generation, and for both.
  void saysHowFarItIs_data() {
    QTest::addColumn<QString>("tensors");
    QTest::addColumn<int>("tokens");
    QTest::addColumn<QStringList>("phases");
    QTest::newRow("tensors") << "model.layers.0.*" << 0 << QStringList{"opening", "measuring the copy rate", "measuring"};
    QTest::newRow("generation") << "" << 4 << QStringList{"opening", "measuring the copy rate", "loading", "generating"};
    QTest::newRow("both") << "*q_proj*" << 4
                          << QStringList{"opening", "measuring the copy rate", "measuring", "loading", "generating"};
  }
  void saysHowFarItIs() {
    QFETCH(QString, tensors);
    QFETCH(int, tokens);
    QFETCH(QStringList, phases);
    BenchmarkRequest asked = request(tensors.toStdString());
    asked.generate = static_cast<std::uint32_t>(tokens);
    std::vector<Progress> reports;
    JobContext job;
    job.progress = [&](const Progress& progress) { reports.push_back(progress); };
    const BenchmarkRun run = take(benchmark(asked, job));
    QVERIFY2(run.state == BenchmarkState::Complete, run.reason.c_str());
    QStringList seen;
    for (const auto& report : reports)
      if (const QString phase = QString::fromStdString(report.phase); !seen.contains(phase)) seen << phase;
    QCOMPARE(seen, phases);
    for (std::size_t i = 1; i < reports.size(); ++i) {
      QVERIFY(reports[i].bytesDone >= reports[i - 1].bytesDone && reports[i].seconds >= reports[i - 1].seconds);
      QVERIFY(reports[i].bytesDone <= reports[i].bytesTotal);
      QVERIFY(reports[i].tensorsDone >= reports[i - 1].tensorsDone && reports[i].tensorsDone <= reports[i].tensorsTotal);
    }
    QVERIFY(reports.back().bytesTotal > 0);
    QCOMPARE(reports.back().bytesDone, reports.back().bytesTotal);
    QCOMPARE(reports.back().eta(), 0.0);
    QCOMPARE(reports.back().tensorsDone, reports.back().tensorsTotal);
  }

  /// Where nobody comes by to sample, while a baseline is encoded for instance, a thread of its own does.
  void memoryIsSampledWhereTheRunDoesNotComeToIt() {
    BenchmarkRun run;
    int told = 0;
    BenchmarkHooks hooks;
    hooks.onMemory = [&](const BenchmarkMemory& memory) { told += memory.accounted == 7; };
    Recorder recorder(run, hooks, {});
    {
      const MemoryWatch watch(recorder, [] {
        MemoryReading reading;
        reading.accounted = 7;
        return reading;
      });
      QTest::qWait(600);
    }
    QVERIFY2(told >= 2, qPrintable(QString::number(told)));
    QCOMPARE(run.memory.size(), static_cast<std::size_t>(told));
  }

  void recordingCostsLessThanAHundredth() {
    const auto backend = kernels::openBackend({});
    QVERIFY(backend);
    BenchmarkRun run;
    const BenchmarkHooks hooks;
    double best = 1e9;
    for (int attempt = 0; attempt < 20; ++attempt) {
      Recorder recorder(run, hooks, {});
      QElapsedTimer timer;
      timer.start();
      recorder.tick((*backend)->memory().use().current, [&] { return (*backend)->deviceMemory(); });
      best = std::min(best, static_cast<double>(timer.nsecsElapsed()) * 1e-6);
    }
    QCOMPARE(run.memory.size(), std::size_t{20});
    QVERIFY2(best < 1, qPrintable(QString("%1 ms of each 100").arg(best)));
  }
};

QTEST_GUILESS_MAIN(TestBenchmark)
#include "test_benchmark.moc"
