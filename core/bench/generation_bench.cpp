// SPDX-License-Identifier: Apache-2.0
#include "core/bench/generation_bench.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "core/base/units.h"
#include "core/bench/simulated_drafts.h"
#include "core/model/weights.h"
#include "core/source/locate.h"

namespace deltascope {
namespace {

constexpr const char* kGeneration = "(generation)";

std::vector<TokenId> randomPrompt(std::uint64_t seed, std::uint32_t vocabulary) {
  std::mt19937_64 random(seed);
  std::vector<TokenId> ids(kBenchmarkPrompt);
  for (auto& id : ids) id = static_cast<TokenId>(random() % vocabulary);
  return ids;
}

/// Of weights a token: in full, or base and delta; of experts, as many as a token chooses; of a table that is only looked up,
/// nothing to speak of.
std::uint64_t bytesPerToken(const Model& model) {
  std::uint64_t bytes = 0;
  const ModelConfig& config = model.config();
  const auto& tensors = model.plan().tensors;
  const auto specs = weightsOf(config);  // the plan's
  for (std::size_t i = 0; i < std::min(specs.size(), tensors.size()); ++i) {
    if (specs[i].role == WeightRole::LayerEmbedding) continue;
    if (specs[i].role == WeightRole::Embedding && !config.tiedEmbeddings) continue;
    const auto& t = tensors[i];
    const std::uint64_t own = t.placement == Placement::Static ? t.finalBytes : t.baseBytes + t.deltaBytes;
    const FeedForwardConfig& block = config.layers[specs[i].layer].feedForward;
    bytes += specs[i].expert ? own * block.chosen / block.experts : own;
  }
  return bytes;
}

class GenerationBench {
 public:
  GenerationBench(const BenchmarkRequest& request, const JobContext& job, Recorder& recorder, BenchmarkCourse& course,
                  const GenerationWork& work)
      : m_request(request), m_job(job), m_recorder(recorder), m_course(course), m_work(work), m_prompt(request.prompt) {}

  Result<void> run() {
    DELTASCOPE_ASSIGN(const ModelFiles files, locateModel(m_request.model.path, m_request.model.base));
    const bool delta = files.kind != ModelFiles::Kind::Checkpoint || !m_request.model.payloads.empty();
    if (m_request.baselines) {
      LoadRequest resident = requestFor(Placement::Static);
      resident.memoryBudget.reset();
      resident.draftTokens = 0;
      DELTASCOPE_TRY(measured("resident", resident, true));
    }
    if (m_request.modes.empty()) DELTASCOPE_TRY(measured("plan", requestFor({}), false));
    for (const auto mode : m_request.modes) DELTASCOPE_TRY(measured(nameOf(mode), requestFor(mode), false));
    if (!m_request.baselines || !delta || m_request.model.baseOnly) return {};
    LoadRequest base = requestFor({});
    base.payloads.clear();
    base.baseOnly = true;
    base.draftTokens = 0;
    return measured("base", base, true);
  }

 private:
  [[nodiscard]] LoadRequest requestFor(std::optional<Placement> placement) const {
    LoadRequest request = m_request.model;
    request.placement = placement;
    const std::uint64_t prompt = m_prompt.empty() ? kBenchmarkPrompt : m_prompt.size();
    if (request.context == 0) request.context = fitContext(request, prompt + m_request.generate);
    if (m_request.draft != DraftSource::Off) request.draftTokens = m_request.draftTokens ? m_request.draftTokens : kMostDrafts;
    return request;
  }

  /// Too little memory for one way of running is a skip.
  Result<void> measured(std::string_view mode, const LoadRequest& request, bool baseline) {
    auto done = measure(mode, request, baseline);
    if (done || (done.error().code != ErrorCode::OutOfMemory && done.error().code != ErrorCode::InvalidArgument)) return done;
    m_recorder.skip({kGeneration, std::string(mode), describe(done.error())});
    return {};
  }

  Result<void> measure(std::string_view mode, const LoadRequest& request, bool baseline) {
    m_recorder.enter(mode);
    m_course.phase("loading");
    JobContext loading = m_job;
    loading.progress = [this](const Progress& progress) {
      if (progress.bytesTotal > 0) m_course.reached(double(progress.bytesDone) / double(progress.bytesTotal));
    };
    auto opening = m_course.step(BenchmarkWork::Load, m_work.loadSeconds(), std::string(mode));
    DELTASCOPE_ASSIGN(const auto model, Model::load(request, loading));
    opening.finish();
    if (m_prompt.empty()) m_prompt = randomPrompt(m_request.seed, model->config().vocabulary);
    DELTASCOPE_ASSIGN(const auto session, Session::create(model));
    if (baseline || m_request.draft == DraftSource::Off) return generate(*session, mode, {}, baseline);
    std::string logits;
    if (m_request.baselines) {
      DELTASCOPE_TRY(generate(*session, undraftedMode(mode), {}, true));
      logits = m_hash;
    }
    return generate(*session, mode, {m_request.draft, m_request.draftTokens}, false, logits);
  }

  /// One row. `logits`: the hash that it must have; empty: not known.
  Result<void> generate(Session& session, std::string_view mode, const DraftRequest& draft, bool baseline,
                        const std::string& logits = {}) {
    const Model& model = *session.model();
    m_recorder.enter(mode);
    m_course.phase("generating");
    const BenchmarkWork kind = GenerationWork::kindOf(mode);
    auto generating = m_course.step(kind, m_work.seconds(kind), std::string(mode));
    BenchmarkRow row;
    row.tensor = kGeneration;
    row.mode = mode;
    row.device = model.request().device;
    row.operation = "generation";
    for (const auto& t : model.plan().tensors) {
      row.layerBytes += t.finalBytes;
      row.storedBytes += t.baseBytes + t.deltaBytes;
    }
    row.residentBytes = model.plan().weightBytes;
    GenerationFigures figures;
    figures.expectedPeakBytes = model.plan().expectedPeak;
    figures.bytesPerToken = bytesPerToken(model);
    for (const auto placement : {Placement::Static, Placement::Jit, Placement::Stream})
      figures.placements[std::string(nameOf(placement))] = model.plan().count(placement);
    DELTASCOPE_TRY(repeat(session, draft, row, figures));
    row.peakMemoryBytes = model.memory().peak;
    session.clear();
    DELTASCOPE_ASSIGN(const auto last, session.logits(m_prompt, m_job.stop));
    double sum = 0;
    for (const float value : last) sum += static_cast<double>(value) * static_cast<double>(value);
    row.outputNorm = std::sqrt(sum);
    row.outputCount = last.size();
    row.outputHash = toHex(hash128(std::as_bytes(std::span(last))));
    judge(row, figures);
    if (!logits.empty() && figures.logitsHash != logits) {
      row.bitExact = false;
      if (row.problem.empty()) row.problem = "the logits are not those without drafts";
    }
    m_hash = figures.logitsHash;
    row.generation = std::move(figures);
    generating.finish();
    m_recorder.add(std::move(row), baseline);
    return {};
  }

  [[nodiscard]] GenerateRequest answer() const {
    GenerateRequest generating;
    generating.prompt = m_prompt;
    generating.maxNewTokens = m_request.generate;
    generating.ignoreEnd = true;
    return generating;
  }

  Result<void> repeat(Session& session, const DraftRequest& draft, BenchmarkRow& row, GenerationFigures& figures) {
    GenerateRequest generating = answer();
    generating.draft = draft;
    DraftFigures drafts;
    drafts.source = nameOf(draft.source);
    drafts.tokens = draft.tokens;
    std::vector<TokenId> right;  // tokens, of simulated drafts
    if (draft.source != DraftSource::Off && m_request.simulatedAcceptance) {
      drafts.simulatedAcceptance = m_request.simulatedAcceptance;
      session.clear();
      DELTASCOPE_ASSIGN(const Generation truth, session.generate(answer(), m_job.stop));
      right = truth.ids;
    }
    const Model& model = *session.model();
    double last = 0;
    unsigned repetition = 0, tokens = 0, together = 0;
    const unsigned warmup = m_request.warmup > 0 ? 1 : 0, all = warmup + m_request.repeat;
    generating.onToken = [&](const TokenEvent& event) {
      ++tokens;
      m_course.reached((repetition + std::min(1.0, double(tokens) / m_request.generate)) / all);
      ++together;
      if (!event.drafted) {  // the last token of its pass
        if (last > 0 && event.seconds > last) m_recorder.token(together / (event.seconds - last));
        last = event.seconds;
        together = 0;
      }
      m_recorder.tick(model.memory().current, [&] { return model.deviceMemory(); });
    };
    for (unsigned i = 0; i < all; ++i) {
      m_recorder.pause();
      repetition = i;
      tokens = 0;
      session.clear();
      last = 0;
      together = 0;
      if (!right.empty())
        generating.draft.instead =
            SimulatedDrafts(*drafts.simulatedAcceptance, m_request.seed + i, right, model.config().vocabulary);
      DELTASCOPE_ASSIGN(Generation result, session.generate(generating, m_job.stop));
      if (result.stopReason == StopReason::Cancelled) return fail(ErrorCode::Cancelled, "cancelled");
      if (!figures.logitsHash.empty() && figures.logitsHash != result.logitsHash) figures.reproducible = false;
      figures.logitsHash = result.logitsHash;
      if (i < warmup) continue;
      figures.tokensPerSecond.add(result.tokensPerSecond);
      figures.timeToFirstTokenMs.add(result.timeToFirstTokenMs);
      if (result.tokensPerSecond > 0) row.usedMs.add(1e3 / result.tokensPerSecond);
      m_recorder.latency(kGeneration, row.mode, result.tokensPerSecond > 0 ? 1e3 / result.tokensPerSecond : 0);
      drafts.drafted += result.drafted;
      drafts.accepted += result.accepted;
      drafts.rejected += result.rejected;
      drafts.exactPasses += result.exactPasses;
      drafts.draftMs.add(1e3 * result.draftSeconds);
      drafts.verifyMs.add(1e3 * result.verifySeconds);
      figures.promptIds = std::move(result.promptIds);
      figures.ids = std::move(result.ids);
      figures.text = std::move(result.text);
      figures.stopReason = nameOf(result.stopReason);
      if (result.devicePeaks.size() > 1) figures.devicePeaks = std::move(result.devicePeaks);
    }
    figures.drafts = std::move(drafts);
    return {};
  }

  /// On a processor every placement gives the same bits; a GPU's fused products may add up in another order than its dense
  /// ones.
  void judge(BenchmarkRow& row, GenerationFigures& figures) {
    if (row.mode == "resident") {
      m_residentMs = row.usedMs;
      m_residentHash = figures.logitsHash;
    } else if (!m_residentHash.empty()) {
      figures.matchesResident = figures.logitsHash == m_residentHash;
    }
    row.residentMs = m_residentMs;
    row.bitExact = figures.reproducible;
    if (!figures.reproducible) row.problem = "repetitions gave different logits";
    if (figures.matchesResident == false && (row.device.starts_with("cpu") || row.mode == "base")) {
      row.bitExact = false;
      if (row.problem.empty()) row.problem = "the logits are not those of the resident weights";
    }
  }

  const BenchmarkRequest& m_request;
  const JobContext& m_job;
  Recorder& m_recorder;
  BenchmarkCourse& m_course;
  const GenerationWork& m_work;
  std::vector<TokenId> m_prompt;
  Timings m_residentMs;
  std::string m_residentHash, m_hash;  ///< of the logits: with all weights resident, and of the last row
};

}  // namespace

BenchmarkWork GenerationWork::kindOf(std::string_view mode) {
  return mode == "resident" ? BenchmarkWork::GenerateResident
         : mode == "base"   ? BenchmarkWork::GenerateBase
                            : BenchmarkWork::Generate;
}

double GenerationWork::seconds(BenchmarkWork work) const {
  const double repetitions = (m_request.warmup > 0 ? 1 : 0) + m_request.repeat;
  return expectedSeconds(work, m_bytes, repetitions * (m_request.generate + 1));
}

void GenerationWork::expect(BenchmarkCourse& course) const {
  if (m_request.generate == 0) return;
  const auto add = [&](BenchmarkWork work) {
    course.expect(BenchmarkWork::Load, loadSeconds());
    course.expect(work, seconds(work));
  };
  if (m_request.baselines) add(BenchmarkWork::GenerateResident);
  const bool undrafted = m_request.draft != DraftSource::Off && m_request.baselines;
  for (std::size_t i = 0; i < std::max<std::size_t>(1, m_request.modes.size()); ++i) {
    add(BenchmarkWork::Generate);
    if (undrafted) course.expect(BenchmarkWork::Generate, seconds(BenchmarkWork::Generate));
  }
  if (m_request.baselines && m_delta && !m_request.model.baseOnly) add(BenchmarkWork::GenerateBase);
}

Result<void> measureGeneration(const BenchmarkRequest& request, const JobContext& job, Recorder& recorder,
                               BenchmarkCourse& course, const GenerationWork& work) {
  return GenerationBench(request, job, recorder, course, work).run();
}

}  // namespace deltascope
