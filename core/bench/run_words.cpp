// SPDX-License-Identifier: Apache-2.0
#include "core/bench/run_words.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <set>

#include "core/base/number.h"
#include "core/base/units.h"

namespace deltascope {
namespace {

using Id = RunFigureId;

std::string shortOf(const RunFigures& figures, Id id) { return shortText(describe(id).unit, *figures[id].value); }
bool has(const RunFigures& figures, Id id) { return figures[id].value.has_value(); }
bool remakes(const BenchmarkRow& row) { return !row.generation && row.mode != "static"; }

std::string said(std::string_view text) { return printable(text, 1000); }

std::string joined(const std::vector<std::string>& parts, std::string_view between) {
  return fmt::format("{}", fmt::join(parts, between));
}

/// Every way of using a tensor gave the output that its resident weight gives; false where no resident one was measured.
bool sameOutputs(const BenchmarkRun& run) {
  std::map<std::string_view, std::string_view> resident;
  for (const auto& row : run.rows)
    if (row.mode == "static") resident[row.tensor] = row.outputHash;
  for (const auto& row : run.rows) {
    if (row.generation) continue;
    const auto found = resident.find(row.tensor);
    if (found == resident.end() || found->second != row.outputHash) return false;
  }
  return true;
}

/// What the good verdict is about.
std::string exactWords(const BenchmarkRun& run, const RunFigures& figures) {
  bool tensors = false, made = false, generated = false, matched = false, unmatched = false;
  for (const auto& row : run.rows) {
    tensors = tensors || !row.generation;
    made = made || remakes(row);
    if (!row.generation) continue;
    generated = true;
    const auto& matches = row.generation->matchesResident;
    matched = matched || matches == true;
    unmatched = unmatched || matches == false;
  }
  std::vector<std::string> parts;
  if (tensors) {
    std::string text = fmt::format("{} of {} in {}, ", formatCount(figures.count(Id::ChecksPassed)),
                                   counted(figures.count(Id::Checks), "check"), counted(figures.count(Id::Tensors), "tensor"));
    text += made ? "every reconstruction gave the resident weight's bits" : "every weight has the final's bits, resident";
    if (made && sameOutputs(run)) text += " and output";
    parts.push_back(std::move(text));
  }
  if (generated) {
    std::string text = "every repetition gave the same logits";
    if (unmatched)
      text += ", not those of resident weights, whose sums a GPU adds up in another order";
    else if (matched)
      text += ", those of the resident weights";
    parts.push_back(std::move(text));
  }
  return (tensors ? "bit-exact: " : "reproducible: ") + joined(parts, "; ");
}

std::string failureWords(const BenchmarkRun& run, const RunFigures& figures) {
  std::size_t failed = 0, silent = 0;
  const BenchmarkRow *first = nullptr, *firstSilent = nullptr;
  for (const auto& row : run.rows) {
    if (!row.bitExact && ++failed == 1) first = &row;
    if (row.outputNorm == 0 && ++silent == 1) firstSilent = &row;
  }
  const auto place = [](const BenchmarkRow& row) { return shortTensorName(row.tensor) + ' ' + modeWords(row.mode); };
  const std::string all = counted(figures.count(Id::Checks), "check");
  if (first) {
    const std::string why = rowSentence(*first);
    return fmt::format("not bit-exact: {} of {} failed; first {}: {}", formatCount(failed), all, place(*first),
                       why.substr(why.find(' ') + 1));
  }
  return fmt::format("an output's norm is 0: {} of {}; first {}", formatCount(silent), all, place(*firstSilent));
}

/// "3 of 74 tensors", "1 result".
std::string reached(const BenchmarkRun& run, const RunFigures& figures) {
  if (run.chosen == 0) return counted(run.rows.size(), "result");
  return fmt::format("{} of {}", formatCount(figures.count(Id::Tensors)), counted(run.chosen, "tensor"));
}

std::string endWords(const BenchmarkRun& run, const RunFigures& figures) {
  switch (run.state) {
    case BenchmarkState::Cancelled:
      return "partial: cancelled after " + reached(run, figures);
    case BenchmarkState::Failed:
      return fmt::format("partial: failed after {}: {}", reached(run, figures), said(run.reason));
    case BenchmarkState::Running:
      return fmt::format("partial: {} so far", reached(run, figures));
    case BenchmarkState::Complete:
      break;
  }
  return {};
}

std::string tensorsSentence(const BenchmarkRun& run, const RunFigures& figures) {
  if (figures.mode.empty()) return {};
  std::size_t measured = 0;
  for (const auto& row : run.rows) measured += !row.generation && isHeadline(row, figures);
  std::vector<std::string> parts;
  if (has(figures, Id::Latency)) {
    std::string text = "latency " + shortOf(figures, Id::Latency);
    if (has(figures, Id::Resident)) text += fmt::format(" against {} resident", shortOf(figures, Id::Resident));
    parts.push_back(std::move(text));
  }
  if (has(figures, Id::Rebuild)) parts.push_back("rebuild " + shortOf(figures, Id::Rebuild));
  if (figures.generationMode.empty())
    if (const std::string peak = peakWords(figures); !peak.empty()) parts.push_back(peak);
  if (parts.empty()) return {};
  return fmt::format("{}, {}: {}", modeWords(figures.mode), counted(measured, "tensor"), joined(parts, ", "));
}

/// Empty where no drafts were asked for.
std::string draftWords(const RunFigures& figures) {
  if (!has(figures, Id::TokensPerPass)) return {};
  std::string text = shortOf(figures, Id::TokensPerPass) + " tokens a pass";
  if (has(figures, Id::UndraftedSpeed)) text += fmt::format(" ({} without drafts)", shortOf(figures, Id::UndraftedSpeed));
  if (has(figures, Id::SimulatedAcceptance))
    return text + fmt::format(", drafts simulated to be right at {}", shortOf(figures, Id::SimulatedAcceptance));
  if (has(figures, Id::Acceptance)) text += fmt::format(", drafts right at {}", shortOf(figures, Id::Acceptance));
  return text;
}

std::string generationSentence(const BenchmarkRun& run, const RunFigures& figures) {
  if (!has(figures, Id::TokensPerSecond)) return {};
  std::string text = fmt::format("generation {}: {}", modeWords(figures.generationMode), shortOf(figures, Id::TokensPerSecond));
  for (const auto& row : run.baselines)
    if (row.generation && row.mode == "resident" && !row.generation->tokensPerSecond.empty())
      text += fmt::format(" against {} resident", significantText(row.generation->tokensPerSecond.median()));
  if (const std::string drafts = draftWords(figures); !drafts.empty()) text += ", " + drafts;
  if (has(figures, Id::FirstToken)) text += ", first token after " + shortOf(figures, Id::FirstToken);
  if (const std::string peak = peakWords(figures); !peak.empty()) text += ", " + peak;
  return text;
}

}  // namespace

std::optional<bool> passedOf(const BenchmarkRun& run) {
  if (!run.rows.empty() && !run.passed()) return false;
  if (run.state == BenchmarkState::Failed) return false;
  if (run.rows.empty() || run.state != BenchmarkState::Complete) return std::nullopt;
  return true;
}

std::string stateWords(BenchmarkState state) {
  const std::string name(nameOf(state));
  return state == BenchmarkState::Cancelled || state == BenchmarkState::Failed ? name + ", partial" : name;
}

std::string peakWords(const RunFigures& figures) {
  if (!has(figures, Id::Peak)) return {};
  std::string text = "peak " + shortOf(figures, Id::Peak);
  if (has(figures, Id::Budget)) text += " of the budget of " + shortOf(figures, Id::Budget);
  return text;
}

std::string figuresSentence(const BenchmarkRun& run, const RunFigures& figures) {
  std::vector<std::string> parts;
  for (std::string part : {tensorsSentence(run, figures), generationSentence(run, figures)})
    if (!part.empty()) parts.push_back(std::move(part));
  return joined(parts, "; ");
}

std::string runSentence(const BenchmarkRun& run) {
  const RunFigures figures = figuresOf(run);
  const auto passed = passedOf(run);
  std::vector<std::string> parts;
  if (std::string end = endWords(run, figures); !end.empty()) parts.push_back(std::move(end));
  if (run.rows.empty() && parts.empty())
    parts.push_back("nothing was measured: " +
                    (run.skipped.empty() ? std::string("no weight was chosen") : said(run.skipped.back().reason)));
  if (!run.rows.empty()) parts.push_back(run.passed() ? exactWords(run, figures) : failureWords(run, figures));
  if (std::string sentence = figuresSentence(run, figures); !sentence.empty()) parts.push_back(std::move(sentence));
  if (const auto skipped = figures.count(Id::NotMeasured); skipped && !run.rows.empty())
    parts.push_back(formatCount(skipped) + " not measured");
  return (passed ? (*passed ? "✓ " : "✕ ") : "– ") + joined(parts, "; ");
}

std::string shortVerdict(const BenchmarkRun& run) {
  if (run.rows.empty()) return "– nothing measured";
  const auto passed = passedOf(run);
  bool tensors = false;
  for (const auto& row : run.rows) tensors = tensors || !row.generation;
  std::string text = !passed ? "– partial" : !*passed ? "✕ not passed" : tensors ? "✓ bit-exact" : "✓ reproducible";
  if (!run.skipped.empty()) text += fmt::format(", {} not measured", formatCount(run.skipped.size()));
  return text;
}

std::string rowSentence(const BenchmarkRow& row) {
  if (row.bitExact)
    return row.generation
               ? std::string("✓ same logits each time")
               : fmt::format("✓ bit-exact: {} of {}", formatCount(row.elementsCompared), formatCount(row.elementsCompared));
  // The base alone is there to be different.
  const std::string mark = row.mode == "base" ? "– " : "✕ ";
  if (!row.problem.empty()) return mark + said(row.problem);
  return fmt::format("{}{} of {} differ", mark, formatCount(row.elementsDifferent), formatCount(row.elementsCompared));
}

std::string modeWords(std::string_view mode) {
  if (const auto drafted = draftedMode(mode)) return modeWords(*drafted) + ", no drafts";
  if (mode == "base") return "base alone";
  if (mode == "additive") return "old scripts (additive)";
  if (mode == "plan") return "as planned";
  return printable(mode);
}

std::string shortTensorName(std::string_view name) {
  if (name.starts_with("model.")) name.remove_prefix(6);
  if (name.ends_with(".weight")) name.remove_suffix(7);
  return printable(name);
}

double overheadNoiseMs(const BenchmarkRow& row) { return rounded(row.residentMs.spread() + row.usedMs.spread()); }

std::string_view overheadNote(const BenchmarkRow& row) {
  if (row.residentMs.empty() || row.usedMs.empty()) return {};
  const double overhead = row.overheadMs(), noise = overheadNoiseMs(row);
  if (noise > 0 && std::abs(overhead) <= noise) return "within the noise";
  return overhead < 0 ? "faster than resident" : "";
}

std::string loadWords(const MachineLoad& load) {
  return fmt::format("others kept {} of {} busy, this program {}; load average {} before, {} after",
                     significantText(load.others), counted(load.processors, "processor"), significantText(load.own),
                     significantText(load.loadAverageBefore), significantText(load.loadAverageAfter));
}

}  // namespace deltascope
