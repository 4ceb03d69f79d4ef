// SPDX-License-Identifier: Apache-2.0
// What a run keeps when it is stopped or something is damaged, and what it refuses.
#include <QtTest>
#include <fstream>

#include "core/base/file.h"
#include "core/bench/record.h"
#include "core/bench/recorder.h"
#include "tests/core/bench/benchmark_demo.h"

using namespace deltascope;
using namespace deltascope::test;
namespace fs = std::filesystem;

class TestBenchmarkFaults : public BenchmarkDemo {
  Q_OBJECT
 private slots:

  void keepsWhatWasMeasuredWhenStopped() {
    BenchmarkRequest asked = request("*");
    asked.out = scratch("stopped.json");
    std::stop_source source;
    JobContext job;
    job.stop = source.get_token();
    BenchmarkHooks hooks;
    hooks.onRow = [&](const BenchmarkRow&, bool) { source.request_stop(); };
    QElapsedTimer timer;
    const BenchmarkRun run = take(benchmark(asked, job, hooks));
    QVERIFY(run.state == BenchmarkState::Cancelled);
    QCOMPARE(run.rows.size(), std::size_t{1});
    const BenchmarkRun kept = take(readRun(asked.out));
    QVERIFY(kept.state == BenchmarkState::Cancelled && kept.rows.size() == 1);
  }

  void keepsWhatWasMeasuredWhenTheRecordCannotBeWritten() {
    BenchmarkRequest asked = request("model.layers.0.*");
    const std::filesystem::path folder = scratch("going");
    std::filesystem::create_directory(folder);
    asked.out = folder / "run.json";
    BenchmarkHooks hooks;
    hooks.onRow = [&](const BenchmarkRow&, bool) { std::filesystem::remove_all(folder); };
    const BenchmarkRun run = take(benchmark(asked, {}, hooks));
    QVERIFY(run.state == BenchmarkState::Failed);
    QVERIFY2(run.reason.starts_with("the record could not be written: "), run.reason.c_str());
    QVERIFY(run.rows.size() > 1 && run.passed());
  }

  void aDamagedDeltaIsARow() {
    const fs::path path = scratch("damaged");
    fs::copy(packed(), path, fs::copy_options::recursive);
    const Payload payload = take(Payload::open(path / "model.delta.safetensors"));
    const TensorStats* stats = payload.find(kQuery);
    const auto chunk = take(payload.readChunk(*stats, take(payload.chunks(*stats)).front()));
    const std::string all = take(readTextFile(path / "model.delta.safetensors"));
    const auto at = all.find(std::string(reinterpret_cast<const char*>(chunk.data()), chunk.size()));
    QVERIFY(at != std::string::npos);
    flipBit(path / "model.delta.safetensors", at + chunk.size() / 2);
    BenchmarkRequest asked = request("model.layers.0.self_attn.*");
    asked.model.path = path;
    asked.baselines = false;
    const BenchmarkRun run = take(benchmark(asked, {}));
    QVERIFY2(run.state == BenchmarkState::Complete, run.reason.c_str());
    QVERIFY(!run.passed());
    int sound = 0;
    for (const auto& row : run.rows) {
      sound += row.bitExact;
      QVERIFY(row.bitExact != (row.tensor == kQuery));
      if (!row.bitExact) QVERIFY2(row.problem.find(kQuery) != std::string::npos, row.problem.c_str());
    }
    QCOMPARE(sound, 9);
  }

  void aChangedBaseFailsTheRun() {
    const fs::path path = scratch("changed");
    fs::copy(packed(), path, fs::copy_options::recursive);
    flipBit(path / "base.safetensors", fs::file_size(path / "base.safetensors") - 1000);
    BenchmarkRequest asked = request("*");
    asked.model.path = path;
    asked.baselines = false;
    asked.repeat = 1;
    asked.out = scratch("changed.json");
    const BenchmarkRun run = take(benchmark(asked, {}));
    QVERIFY(run.state == BenchmarkState::Failed);
    QVERIFY2(run.reason.find("another base") != std::string::npos, run.reason.c_str());
    const BenchmarkRun kept = take(readRun(asked.out));
    QVERIFY(kept.state == BenchmarkState::Failed && kept.rows.size() == run.rows.size() && kept.reason == run.reason);
  }

  void refuses_data() {
    QTest::addColumn<QString>("what");
    QTest::addColumn<QString>("says");
    QTest::newRow("nothing") << "nothing"
                             << "nothing to measure";
    QTest::newRow("no such tensor") << "glob"
                                    << "no weight of the model is called";
    QTest::newRow("no repetition") << "repeat"
                                   << "repetition";
    QTest::newRow("no input") << "batch"
                              << "batch";
    QTest::newRow("no such model") << "path"
                                   << "/nowhere";
    QTest::newRow("no such device") << "device"
                                    << "cuda:7";
    QTest::newRow("nowhere to write") << "out"
                                      << "/nowhere";
  }
  void refuses() {
    QFETCH(QString, what);
    QFETCH(QString, says);
    BenchmarkRequest asked = request();
    if (what == "nothing") asked.tensors.clear();
    if (what == "glob") asked.tensors = "model.layers.99.*";
    if (what == "repeat") asked.repeat = 0;
    if (what == "batch") asked.batch = 0;
    if (what == "path") asked.model.path = "/nowhere";
    if (what == "device") asked.model.device = "cuda:7";
    if (what == "out") asked.out = "/nowhere/run.json";
    const auto run = benchmark(asked, {});
    QVERIFY(!run);
    QVERIFY2(describe(run.error()).find(says.toStdString()) != std::string::npos, describe(run.error()).c_str());
  }
};

QTEST_GUILESS_MAIN(TestBenchmarkFaults)
#include "test_benchmark_faults.moc"
