// SPDX-License-Identifier: Apache-2.0
#include "core/rebuild/verify.h"

#include "core/base/units.h"
#include "core/rebuild/verdicts.h"

namespace deltascope {

std::string verdictText(const Verdict& verdict) {
  if (verdict.bitExact) return "bit-exact: " + formatCount(verdict.elements) + " of " + formatCount(verdict.elements);
  if (verdict.firstDifference)
    return formatCount(verdict.different) + " differ, first at " + formatCount(*verdict.firstDifference);
  return "not bit-exact: " + verdict.problem;
}

void addVerdict(VerifyResult& result, Verdict verdict, std::uint64_t compared, const VerifyRequest& request) {
  ++result.tensors;
  result.elementsCompared += compared;
  result.elementsDifferent += verdict.different;
  if (verdict.firstDifference && !result.firstDifference)
    result.firstDifference.emplace(verdict.tensor, *verdict.firstDifference);
  if (!verdict.bitExact) result.bitExact = false;
  if (request.onTensor) request.onTensor(verdict);
  result.verdicts.push_back(std::move(verdict));
}

}  // namespace deltascope
