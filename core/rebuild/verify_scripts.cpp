// SPDX-License-Identifier: Apache-2.0
#include "core/rebuild/verify_scripts.h"

#include <chrono>

#include "core/base/meter.h"
#include "core/base/ordered.h"
#include "core/rebuild/final_comparison.h"
#include "core/rebuild/verdicts.h"
#include "core/scripts/scripts.h"

namespace deltascope {
namespace {

/// What a worker found of one tensor of the final.
struct Checked {
  std::string obstacle;  ///< why it could not be compared; empty when it was
  std::vector<Finding> findings;
};

std::vector<TensorStats> rowsOf(const Checkpoint& final) {
  std::vector<TensorStats> rows;
  for (const auto& info : final.tensors()) {
    TensorStats row;
    row.name = info.name;
    row.dtype = info.dtype;
    row.shape = info.shape;
    row.elements = info.elements;
    row.finalBytes = info.bytes;
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string obstacleOf(const ScriptsSource& source, const TensorStats& row, const TensorInfo* base) {
  if (!base) return "in the final, but not in the base";
  if (base->shape != row.shape)
    return "the base holds it as " + shapeText(base->shape) + ", the final as " + shapeText(row.shape);
  return scriptsObstacle(source, *base, row.dtype);
}

Result<Checked> check(const ScriptsSource& source, FinalComparison& comparison, const TensorStats& row, std::size_t index,
                      const std::stop_token& stop) {
  const TensorInfo* base = source.base.find(row.name);
  Checked checked{obstacleOf(source, row, base), {}};
  if (!checked.obstacle.empty()) return checked;
  DELTASCOPE_ASSIGN(checked.findings, rebuildScripts(source, *base, row.dtype, stop, [&](std::uint64_t first, auto elements) {
                      return comparison.compare(index, first, elements);
                    }));
  return checked;
}

Verdict verdictOf(const TensorStats& row, const Difference& difference, const Checked& checked) {
  Verdict verdict{row.name, false, row.elements, difference.count, difference.first, checked.obstacle};
  if (difference.count > 0) {
    verdict.problem = "base + delta in FP32, rounded to " + std::string(nameOf(row.dtype)) + ", is not the final";
    if (!checked.findings.empty()) verdict.problem += "; " + checked.findings.front().text;
  }
  verdict.bitExact = verdict.problem.empty();
  return verdict;
}

}  // namespace

Result<VerifyResult> verifyScripts(const ModelFiles& files, const VerifyRequest& request, const char* phase,
                                   const JobContext& job) {
  const auto start = std::chrono::steady_clock::now();
  DELTASCOPE_ASSIGN(const ScriptsSource source, openScripts(files));
  if (request.final.empty())
    return fail(
        ErrorCode::InvalidArgument,
        at({files.payload, {}, {}}, "a payload of the scripts stores no hashes, so there is nothing to check it against"),
        "name the final with --final");
  DELTASCOPE_ASSIGN(Checkpoint final, Checkpoint::open(request.final));
  const std::vector<TensorStats> rows = rowsOf(final);
  const std::uint64_t bytes = final.totalBytes();
  FinalComparison comparison(std::move(final), rows);
  Meter meter(job);
  meter.setTotals(bytes, rows.size());
  meter.phase(phase);
  VerifyResult result;
  result.bitExact = true;
  DELTASCOPE_TRY(runOrdered<Checked>(
      rows.size(), job.threadCount(), 2 * job.threadCount(), job.stop,
      [&](std::size_t i) { return check(source, comparison, rows[i], i, job.stop); },
      [&](std::size_t i, Checked&& checked) -> Result<void> {
        const std::uint64_t compared = checked.obstacle.empty() ? rows[i].elements : 0;
        addVerdict(result, verdictOf(rows[i], comparison.difference(i), checked), compared, request);
        std::ranges::move(checked.findings, std::back_inserter(result.findings));
        meter.add(rows[i].name, rows[i].finalBytes, true);
        return {};
      }));
  for (const auto& tensor : source.payload.tensors())
    if (!comparison.final().find(tensor.name))
      addVerdict(result, {tensor.name, false, 0, 0, std::nullopt, "in the payload, but not in the final"}, 0, request);
  meter.finish();
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace deltascope
