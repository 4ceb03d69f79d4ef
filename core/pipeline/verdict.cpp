// SPDX-License-Identifier: Apache-2.0
#include "core/base/units.h"
#include "core/pipeline/pipeline.h"

namespace deltascope {

std::string verdictText(const Verdict& verdict) {
  if (verdict.bitExact) return "bit-exact: " + formatCount(verdict.elements) + " of " + formatCount(verdict.elements);
  if (verdict.firstDifference)
    return formatCount(verdict.different) + " differ, first at " + formatCount(*verdict.firstDifference);
  return "not bit-exact: " + verdict.problem;
}

}  // namespace deltascope
