// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <ctime>

#include "core/base/failure.h"
#include "core/base/units.h"
#include "core/bench/generation_bench.h"
#include "core/bench/tensor_bench.h"
#include "core/runtime/device_list.h"

namespace deltascope {
namespace {

constexpr std::string_view kUndrafted = "-undrafted";

std::string utcNow() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

Result<void> check(const BenchmarkRequest& request) {
  const auto invalid = [](std::string what, std::string hint) {
    return fail(ErrorCode::InvalidArgument, std::move(what), std::move(hint));
  };
  if (request.tensors.empty() && request.generate == 0)
    return invalid("nothing to measure was chosen", "name tensors, a preset, or tokens to generate");
  if (request.repeat == 0) return invalid("no repetition measures nothing", "ask for one at least");
  DELTASCOPE_ASSIGN(const auto devices, parseDevices(request.model.device));
  if (!request.tensors.empty() && (devices.size() > 1 || devices.front() == kAllGpus))
    return invalid("tensors are measured on one device, not on " + request.model.device,
                   "name one, or measure generation alone");
  if (request.batch == 0) return invalid("a product needs one row of input at least", "ask for a batch of 1");
  if (request.draft != DraftSource::Off && request.generate == 0)
    return invalid("drafts are of a generation, and nothing is generated", "say how many tokens to generate");
  if (request.draft == DraftSource::Off && request.draftTokens > 0)
    return invalid("drafts a pass are asked for, and none are to be made", "leave one of them out");
  if (request.draftTokens > kMostDrafts)
    return invalid(formatCount(request.draftTokens) + " drafts are more than a pass judges",
                   "ask for " + formatCount(kMostDrafts) + " at most");
  if (request.simulatedAcceptance && request.draft != DraftSource::Base)
    return invalid("only drafts of the base can be simulated", "draft with the base");
  if (const auto share = request.simulatedAcceptance; share && !(*share >= 0 && *share <= 1))
    return invalid("an acceptance is a share, from 0 to 1", "0.94 is one");
  return {};
}

std::map<std::string, std::string> settingsOf(const BenchmarkRequest& request, unsigned threads) {
  std::map<std::string, std::string> settings{
      {"repeat", std::to_string(request.repeat)},      {"warmup", std::to_string(request.warmup)},
      {"batch", std::to_string(request.batch)},        {"threads", std::to_string(threads)},
      {"baselines", request.baselines ? "yes" : "no"}, {"caches", "warm"}};
  if (!request.tensors.empty()) settings["tensors"] = request.tensors;
  if (request.generate) settings["generate"] = std::to_string(request.generate);
  if (request.generate) settings["draft"] = nameOf(request.draft);
  if (request.draft != DraftSource::Off)
    settings["draft tokens"] = request.draftTokens ? std::to_string(request.draftTokens) : "as many as pay";
  if (request.simulatedAcceptance) settings["simulated acceptance"] = numberText(*request.simulatedAcceptance);
  std::string modes;
  for (const auto mode : request.modes) modes += (modes.empty() ? "" : ",") + std::string(nameOf(mode));
  settings["mode"] = modes.empty() ? "all" : modes;
  return settings;
}

class Bench {
 public:
  Bench(const BenchmarkRequest& request, const JobContext& job, const BenchmarkHooks& hooks)
      : m_request(request),
        m_job(job),
        m_threads(threadsOf(request, job)),
        m_recorder(m_run, hooks, request.out),
        m_course(job) {}

  Result<BenchmarkRun> run() {
    DELTASCOPE_TRY(check(m_request));
    m_course.phase("opening");
    DELTASCOPE_TRY(begin());
    auto done = measure();
    if (!done) m_recorder.abandon();
    if (done) {
      m_run.state = BenchmarkState::Complete;
    } else if (done.error().code == ErrorCode::Cancelled) {
      m_run.state = BenchmarkState::Cancelled;
    } else {
      m_run.state = BenchmarkState::Failed;
      m_run.reason = describe(done.error());
    }
    m_recorder.measureRun();
    if (const auto written = m_recorder.write(); !written) {  // what was measured is not lost with its record
      m_run.state = BenchmarkState::Failed;
      m_run.reason = "the record could not be written: " + describe(written.error());
    }
    return std::move(m_run);
  }

 private:
  static unsigned threadsOf(const BenchmarkRequest& request, const JobContext& job) {
    JobContext context = job;
    if (request.model.threads) context.threads = request.model.threads;
    return context.threadCount();
  }

  /// Everything that can be wrong with the request shows here, before a record is written.
  Result<void> begin() {
    DELTASCOPE_ASSIGN(m_variant, openVariant(m_request.model, ScaleReading::Read));
    if (!m_request.tensors.empty()) {
      DELTASCOPE_ASSIGN(m_chosen, chooseTensors(*m_variant, m_request.tensors, m_run.skipped));
    }
    DELTASCOPE_ASSIGN(const auto devices, findDevices(m_request.model.device));
    kernels::BackendOptions options;
    options.device = devices.front();  // others are as it is
    options.threads = m_threads;
    DELTASCOPE_ASSIGN(auto backend, fromBackend(kernels::openBackend(options)));
    m_host = std::make_shared<Host>(std::move(backend));
    m_run.name = m_request.name;
    m_run.created = utcNow();
    m_run.path = m_request.model.path.string();
    m_run.base = m_request.model.base.string();
    for (const auto& payload : m_request.model.payloads) m_run.payloads.push_back(payload.string());
    m_run.baseOnly = m_request.model.baseOnly;
    m_run.modelFingerprint = fingerprintOf(*m_variant);
    m_run.machine = machineFacts();
    m_run.device = deviceFacts(m_host->backend());
    if (devices.size() > 1) m_run.device.id = m_request.model.device;
    m_run.version = DELTASCOPE_VERSION;
    m_run.commit = buildCommit();
    m_run.settings = settingsOf(m_request, m_threads);
    m_run.seed = m_request.seed;
    m_run.budget = m_request.model.memoryBudget.value_or(0);
    m_run.chosen = m_chosen.size();
    return m_recorder.write();
  }

  Result<void> measure() {
    m_course.phase("measuring the copy rate");
    auto rate = copyRate(m_host->backend(), m_job.stop);
    m_recorder.mark(m_host->backend().memory().use().peak, m_host->backend().deviceMemory());
    if (rate)
      m_run.copyBytesPerSecond = *rate;
    else if (rate.error().code != ErrorCode::OutOfMemory)
      return tl::make_unexpected(rate.error());
    std::uint64_t bytes = 0;
    for (const auto& tensor : m_variant->tensors) bytes += tensor.elements * bytesOf(tensor.dtype);
    const bool delta = std::any_of(m_variant->tensors.begin(), m_variant->tensors.end(),
                                   [](const TensorOrigin& origin) { return !origin.steps.empty(); });
    for (const std::size_t i : m_chosen) m_course.expect(m_request, m_variant->tensors[i]);
    const GenerationWork generation(m_request, bytes, delta);
    generation.expect(m_course);
    std::uint64_t measured = m_request.generate ? bytes : 0;
    for (const std::size_t i : m_chosen) measured += m_variant->tensors[i].elements * bytesOf(m_variant->tensors[i].dtype);
    m_course.setTotals(measured, m_chosen.size());
    if (!m_chosen.empty()) DELTASCOPE_TRY(measureTensors());
    m_variant.reset();
    m_host.reset();
    if (m_request.generate) DELTASCOPE_TRY(measureGeneration(m_request, m_job, m_recorder, m_course, generation));
    m_course.finish();
    return {};
  }

  Result<void> measureTensors() {
    Team team(m_threads);
    const BenchmarkPlace place{m_request, m_host, team, m_threads, m_run.copyBytesPerSecond, m_job.stop, m_recorder, m_course};
    const MemoryWatch watch(m_recorder, [backend = &m_host->backend()] {
      return MemoryReading{backend->memory().use().current, backend->deviceMemory()};
    });
    std::vector<std::string> names;
    for (const std::size_t i : m_chosen) names.push_back(m_variant->tensors[i].spec.name);
    m_recorder.chosen(names);
    m_course.phase("measuring");
    for (const std::size_t i : m_chosen) {
      m_course.beginTensor(m_request, m_variant->tensors[i]);
      DELTASCOPE_TRY(measureTensor(place, onlyTensor(*m_variant, i)));
      m_course.endTensor();
    }
    return {};
  }

  const BenchmarkRequest& m_request;
  const JobContext& m_job;
  unsigned m_threads;
  BenchmarkRun m_run;
  Recorder m_recorder;
  BenchmarkCourse m_course;
  std::shared_ptr<Variant> m_variant;
  std::shared_ptr<Host> m_host;
  std::vector<std::size_t> m_chosen;
};

}  // namespace

double BenchmarkRow::reconstructGbPerSecond() const {
  return rebuildMs.empty() ? 0 : 1e-6 * static_cast<double>(layerBytes) / rebuildMs.median();
}

std::optional<double> DraftFigures::acceptance() const {
  const std::uint64_t tried = accepted + rejected;
  return tried ? std::optional(static_cast<double>(accepted) / static_cast<double>(tried)) : std::nullopt;
}

std::optional<double> DraftFigures::tokensPerPass() const {
  if (exactPasses == 0) return std::nullopt;
  return static_cast<double>(exactPasses + accepted) / static_cast<double>(exactPasses);
}

std::string_view nameOf(BenchmarkState state) {
  switch (state) {
    case BenchmarkState::Running:
      return "partial";
    case BenchmarkState::Complete:
      return "complete";
    case BenchmarkState::Cancelled:
      return "cancelled";
    case BenchmarkState::Failed:
      break;
  }
  return "failed";
}

std::string undraftedMode(std::string_view mode) { return std::string(mode) + std::string(kUndrafted); }

std::optional<std::string_view> draftedMode(std::string_view mode) {
  if (!mode.ends_with(kUndrafted)) return std::nullopt;
  return mode.substr(0, mode.size() - kUndrafted.size());
}

bool withinBudget(std::string_view phase) {
  phase = draftedMode(phase).value_or(phase);
  return phase == "plan" || phase == "jit" || phase == "static" || phase == "stream" || phase == kUnfinished;
}

Result<void> jobEnd(const BenchmarkRun& run) {
  if (run.state == BenchmarkState::Cancelled) return fail(ErrorCode::Cancelled, "cancelled");
  if (run.state == BenchmarkState::Failed) return fail(ErrorCode::Internal, run.reason);
  return {};
}

bool BenchmarkRun::passed() const {
  for (const auto& row : rows)
    if (!row.bitExact || row.outputNorm == 0) return false;
  return !rows.empty();
}

Result<BenchmarkRun> benchmark(const BenchmarkRequest& request, const JobContext& job, const BenchmarkHooks& hooks) {
  return Bench(request, job, hooks).run();
}

}  // namespace deltascope
