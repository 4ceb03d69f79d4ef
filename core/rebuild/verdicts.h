// SPDX-License-Identifier: Apache-2.0
#pragma once
/// How verdicts become a result. Internal to core/rebuild.

#include "core/rebuild/verify.h"

namespace deltascope {

/// Counts it in, with `compared` elements, and tells whom the request names.
void addVerdict(VerifyResult& result, Verdict verdict, std::uint64_t compared, const VerifyRequest& request);

}  // namespace deltascope
