// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// A benchmark that measures nothing and answers at once, or when its gate opens.
#include <atomic>
#include <mutex>

#include "core/base/file.h"
#include "tests/ui/gate.h"
#include "tests/ui/sample_runs.h"
#include "ui/engine.h"

namespace deltascope::ui {

struct FakeBenchmark {
  Gate gate;  ///< every row but the first waits for it
  std::vector<BenchmarkRow> rows{sampleRow("model.embed_tokens.weight", "jit", 0.8),
                                 sampleRow("model.norm.weight", "static", 0.2)};
  std::optional<Error> refusal;        ///< of a request that cannot begin
  std::optional<std::string> failure;  ///< of the device, after the first row
  std::atomic<int> runs{0};
  std::mutex mutex;
  BenchmarkRequest last;

  FakeBenchmark() { gate.open = true; }

  void install(Engine& engine) {
    engine.benchmark = [this](const BenchmarkRequest& request, const JobContext& job,
                              const BenchmarkHooks& hooks) -> Result<BenchmarkRun> {
      ++runs;
      {
        const std::lock_guard lock(mutex);
        last = request;
      }
      if (refusal) return tl::make_unexpected(*refusal);
      BenchmarkRun run;
      run.name = request.name;
      run.created = "2026-11-26T10:00:0" + std::to_string(runs % 10) + "Z";
      run.path = request.model.path.string();
      run.modelFingerprint = "00";
      run.device = {"cpu", "Test processor", "", std::uint64_t{24} << 30};
      run.version = DELTASCOPE_VERSION;
      run.settings = {{"repeat", std::to_string(request.repeat)}, {"threads", "2"}, {"tensors", request.tensors}};
      run.budget = request.model.memoryBudget.value_or(0);
      run.memorySource = "test";
      run.state = BenchmarkState::Complete;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (i > 0 && !gate.wait(job.stop)) {
          run.state = BenchmarkState::Cancelled;
          break;
        }
        const BenchmarkMemory memory{0.1 * double(i), 15000, 1u << 30, 1u << 29, std::uint64_t{24} << 30, rows[i].mode};
        run.memory.push_back(memory);
        hooks.onMemory(memory);
        for (const double value : rows[i].usedMs.values) hooks.onLatency(rows[i].tensor, rows[i].mode, value);
        run.rows.push_back(rows[i]);
        hooks.onRow(rows[i], false);
        if (failure) {
          run.state = BenchmarkState::Failed;
          run.reason = *failure;
          break;
        }
      }
      if (!request.out.empty())
        if (auto written = writeTextFile(request.out, toJsonText(run)); !written) return tl::make_unexpected(written.error());
      return run;
    };
  }
};

}  // namespace deltascope::ui
