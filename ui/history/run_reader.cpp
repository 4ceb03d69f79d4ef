// SPDX-License-Identifier: GPL-3.0-or-later
#include "ui/history/run_reader.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>

#include "core/bench/record.h"

namespace deltascope::ui {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kProgressInterval{50};
constexpr std::size_t kFilesWorthAThread = 64;

std::optional<RunEntry> readOne(const QString& folder, const QString& file) {
  const std::filesystem::path path = (folder + u'/' + file).toStdU16String();
  const auto run = readRun(path);
  if (run) return entryOf(file, *run);
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) return std::nullopt;
  return unreadableEntry(file, run.error());
}

}  // namespace

ReadRuns readRuns(const QString& folder, const std::vector<QString>& files, const JobContext& job) {
  std::vector<std::optional<RunEntry>> read(files.size());
  std::atomic<std::size_t> next{0}, done{0};
  const auto start = Clock::now();
  const auto work = [&](const auto& afterEach) {
    for (std::size_t i = 0; !job.stop.stop_requested() && (i = next++) < files.size();) {
      read[i] = readOne(folder, files[i]);
      ++done;
      afterEach();
    }
  };
  const auto report = [&] {
    if (!job.progress) return;
    Progress progress;
    progress.phase = "reading runs";
    progress.tensorsDone = done;
    progress.tensorsTotal = files.size();
    progress.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    job.progress(progress);
  };
  {
    std::vector<std::jthread> team;
    const std::size_t helpers = std::min<std::size_t>(job.threadCount(), 1 + files.size() / kFilesWorthAThread) - 1;
    for (std::size_t i = 0; i < helpers; ++i) team.emplace_back([&work] { work([] {}); });
    auto last = start;
    work([&] {
      if (Clock::now() - last < kProgressInterval) return;
      last = Clock::now();
      report();
    });
  }
  if (!files.empty()) report();
  ReadRuns result;
  result.cancelled = job.stop.stop_requested() && done < files.size();
  result.entries.reserve(files.size());
  for (auto& one : read)
    if (one) result.entries.push_back(std::move(*one));
  return result;
}

}  // namespace deltascope::ui
