// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Benchmark runs: what reconstruction costs in time and saves in memory, tensor by tensor or for generation, beside the
/// resident weight and the other ways of storing the same delta.
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/job.h"
#include "core/bench/machine.h"
#include "core/bench/timings.h"
#include "core/runtime/runtime.h"

namespace deltascope {

/// What is measured when nobody says.
enum class BenchmarkPreset : std::uint8_t {
  SmallAndLarge,  ///< the input norm of the first layer and the embedding, as a product of all its rows
  OneLayer,       ///< the weights of the first layer
  WholeModel,     ///< every weight
  Generation,     ///< tokens, with all weights
};
[[nodiscard]] std::string_view nameOf(BenchmarkPreset preset);  ///< "small-and-large", "one-layer", "whole-model", "generation"
[[nodiscard]] std::optional<BenchmarkPreset> benchmarkPresetFromName(std::string_view name);

inline constexpr std::uint32_t kBenchmarkTokens = 32, kBenchmarkPrompt = 16;

struct BenchmarkRequest {
  LoadRequest model;             ///< the files, the device and its budget; placement, context and cache are generation's
  std::string tensors;           ///< names as in a shell: `*`, `?`, `[…]`
  std::vector<Placement> modes;  ///< of tensors; empty: each that a tensor can have
  std::uint32_t generate = 0;    ///< tokens to generate; 0: no generation
  std::vector<TokenId> prompt;   ///< of generation; empty: kBenchmarkPrompt random ids
  DraftSource draft = DraftSource::Off;  ///< of generation, which is then measured without drafts too, as a baseline
  std::uint32_t draftTokens = 0;         ///< drafts a pass; 0: as many as pay
  /// Drafts of the base are the right token with this probability, and another one else, whatever the base says: for weights
  /// that were never trained, whose drafts say nothing. Needs DraftSource::Base. The record says so.
  std::optional<double> simulatedAcceptance;
  unsigned repeat = 10, warmup = 2;
  std::uint32_t batch = 1;  ///< rows of x in a product
  std::uint64_t seed = 1;   ///< of the inputs
  bool baselines = true;    ///< the same tensors as `additive` and `zstd`, and the base alone
  std::string name;
  std::filesystem::path out;  ///< the record, written while running too; empty: none
};
/// Sets `tensors`, `generate` as the preset says, where the request leaves them open.
void applyPreset(BenchmarkRequest& request, BenchmarkPreset preset);

/// What drafts did in a generation: counts over all measured repetitions together, times of each.
struct DraftFigures {
  std::string source;        ///< "off", "auto", "base", "lookup", as asked for
  std::uint32_t tokens = 0;  ///< drafts a pass, as asked for; 0: as many as pay
  std::optional<double> simulatedAcceptance;
  std::uint64_t drafted = 0, accepted = 0, rejected = 0;  ///< as Generation has them
  std::uint64_t exactPasses = 0;
  Timings draftMs, verifyMs;  ///< of an answer: making drafts, and the exact passes

  [[nodiscard]] bool asked() const { return !source.empty() && source != nameOf(DraftSource::Off); }
  /// Of the drafts that were tried, up to the first wrong one of each pass, the share that was right; empty: none was.
  [[nodiscard]] std::optional<double> acceptance() const;
  /// Of the tokens after the first; empty: there was no pass.
  [[nodiscard]] std::optional<double> tokensPerPass() const;
};

/// What generation adds to a row.
struct GenerationFigures {
  std::vector<TokenId> promptIds, ids;
  std::string text;
  Timings tokensPerSecond, timeToFirstTokenMs;
  std::string stopReason, logitsHash;
  bool reproducible = true;                         ///< every repetition gave the same logits
  std::optional<bool> matchesResident;              ///< the same logits as with all weights resident; empty: not run
  std::uint64_t bytesPerToken = 0;                  ///< of weights, as stored where they are
  std::uint64_t expectedPeakBytes = 0;              ///< as planned
  std::vector<std::uint64_t> devicePeaks;           ///< of several devices, of the row's peak what each had; else empty
  std::map<std::string, std::uint64_t> placements;  ///< tensors by placement
  std::optional<DraftFigures> drafts;               ///< empty: an old record
};

/// One tensor in one mode, or one generation.
struct BenchmarkRow {
  std::string tensor;  ///< "(generation)" for generation
  std::string mode;  ///< "static", "jit", "stream"; of baselines "additive", "zstd", "base", "resident"; of generation "plan",
                     ///< …, and where these have drafts, of the baseline without "plan-undrafted", …
  std::string device, codec, operation;  ///< operation: "product", "norm" or "generation"
  std::vector<std::uint64_t> shape;
  std::uint64_t layerBytes = 0;     ///< of the final weight
  std::uint64_t storedBytes = 0;    ///< base and delta, as the files hold them
  std::uint64_t residentBytes = 0;  ///< what stays in the device's memory for it
  Timings residentMs;               ///< one use of the resident final weight: the ground truth
  Timings usedMs;                   ///< one use in this mode, reconstruction included
  Timings rebuildMs;                ///< reconstruction alone, of the whole tensor from what the mode keeps; empty: nothing is
  /// Bytes read and written a second of rebuildMs, over the machine's copy rate; 0: not known, or too few bytes to say it of.
  double copyShare = 0;
  std::uint64_t peakMemoryBytes = 0;   ///< the most accounted on the device in this mode
  std::uint64_t plannedPeakBytes = 0;  ///< what the plan of this mode expected; 0: nothing was planned, or an old record
  bool bitExact = false;
  std::uint64_t elementsCompared = 0, elementsDifferent = 0;
  std::optional<std::uint64_t> firstDifference;
  std::string problem;  ///< why not bit-exact, where it is not the elements
  double outputNorm = 0;
  std::uint64_t outputCount = 0;
  std::string outputHash;  ///< hash128 over the output's FP32 values
  std::optional<GenerationFigures> generation;

  [[nodiscard]] double overheadMs() const { return usedMs.median() - residentMs.median(); }
  [[nodiscard]] double reconstructGbPerSecond() const;  ///< of final weights; 0 where nothing is reconstructed
  [[nodiscard]] std::int64_t memorySavedBytes() const { return static_cast<std::int64_t>(layerBytes - residentBytes); }
};

/// A tensor that was chosen and not measured in a mode, and why.
struct BenchmarkSkip {
  std::string tensor, mode, reason;
};

/// Phases of a run that are no mode: what is measured in them is held beside the plan and its budget.
inline constexpr std::string_view kPreparing = "preparation", kReference = "reference";
inline constexpr std::string_view kUnfinished = "unfinished";  ///< of a mode, when the run was cut before it was measured

struct BenchmarkMemory {
  double seconds = 0;           ///< since the run began
  std::uint64_t accounted = 0;  ///< bytes of this run on the device; in the sample at a row's end, the most it held
  std::uint64_t own = 0;        ///< of this process, as the driver or system sees it; 0: not known
  std::uint64_t others = 0, total = 0;
  std::string phase = {};  ///< the row's mode, or one of those above; empty: an old record
};
/// Whether a phase is a mode of the model, which a budget limits: "static", "jit", "stream", "plan", with drafts or without, or
/// one unfinished.
[[nodiscard]] bool withinBudget(std::string_view phase);
/// "plan-undrafted" of "plan": the mode of the same generation without drafts.
[[nodiscard]] std::string undraftedMode(std::string_view mode);
/// "plan" of "plan-undrafted"; empty: another mode.
[[nodiscard]] std::optional<std::string_view> draftedMode(std::string_view mode);

enum class BenchmarkState : std::uint8_t { Running, Complete, Cancelled, Failed };
[[nodiscard]] std::string_view nameOf(BenchmarkState state);  ///< "partial" for Running: what a killed run leaves

struct BenchmarkRun {
  std::string name, created;  ///< created: UTC, ISO 8601
  std::string notes;          ///< what its owner wrote about it later
  BenchmarkState state = BenchmarkState::Running;
  std::string reason;  ///< of Failed
  double seconds = 0;
  std::string path, base;  ///< as given
  std::vector<std::string> payloads;
  bool baseOnly = false;
  std::string modelFingerprint;  ///< hash over the finals' names, shapes and hashes; equal for the same model
  MachineFacts machine;
  DeviceFacts device;
  std::string version, commit;
  std::map<std::string, std::string> settings;  ///< what was asked for, by option
  std::uint64_t seed = 0, budget = 0;           ///< budget: 0: none given
  double copyBytesPerSecond = 0;                ///< read and written, on the device, measured in this run
  std::vector<BenchmarkRow> rows, baselines;
  std::vector<BenchmarkSkip> skipped;
  std::uint64_t chosen = 0;  ///< tensors that were to be measured; 0: generation alone, or an old record
  std::vector<BenchmarkMemory> memory;
  std::string memorySource;         ///< of `own`, `others` and `total`
  std::uint64_t ownPeakBytes = 0;   ///< the most this process held meanwhile; 0: not known
  bool ownIsAccounted = false;      ///< an old record, whose `own` is what the run accounted
  std::optional<MachineLoad> load;  ///< empty: an old record, or /proc could not be read

  [[nodiscard]] bool passed() const;  ///< every row bit-exact, no output norm 0, and something measured
};

/// How the run ended, as jobs and programs tell it: Cancelled, or why it failed; a run that is complete is no error.
[[nodiscard]] Result<void> jobEnd(const BenchmarkRun& run);

/// Called on the calling thread, between what is timed; onMemory now and then from another one, while the run is long in
/// something that is not timed, but never two at a time.
struct BenchmarkHooks {
  std::function<void(std::span<const std::string> tensors)>
      onChosen;  ///< once, before the first: what will be measured, in order
  /// Before the warm-up of each series of repetitions: the place for work that would disturb them. What it takes is not
  /// measured.
  std::function<void()> onPause;
  std::function<void(const BenchmarkMemory&)> onMemory;
  std::function<void(std::string_view tensor, std::string_view mode, double milliseconds)> onLatency;
  std::function<void(double seconds, double tokensPerSecond)> onToken;  ///< of the last tokens
  std::function<void(const BenchmarkRow&, bool baseline)> onRow;
};

/// Measures. The run comes back with what was measured, also when it was stopped, its device failed, or its record could not be
/// written at the end (`state`); errors are for what could not begin: a request that makes no sense, a model that cannot be
/// opened, a record that cannot be begun.
[[nodiscard]] Result<BenchmarkRun> benchmark(const BenchmarkRequest& request, const JobContext& job,
                                             const BenchmarkHooks& hooks = {});

}  // namespace deltascope
