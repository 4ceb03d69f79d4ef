// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Verifying a payload of the scripts that this project grew from.
#include "core/rebuild/verify.h"
#include "core/source/locate.h"

namespace deltascope {

/// verify() for Kind::Scripts: every tensor of the final against base + delta. InvalidArgument without a final: the scripts
/// stored no hashes.
[[nodiscard]] Result<VerifyResult> verifyScripts(const ModelFiles& files, const VerifyRequest& request, const char* phase,
                                                 const JobContext& job);

}  // namespace deltascope
