// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Opening what a job wrote, before anybody sees it: what cannot be read again must not be called done.

#include "core/payload/payload.h"
#include "core/rebuild/verify.h"

namespace deltascope {

/// `payload`: a payload file or a packed model's folder. Headers, the directory of every tensor, every model stream and
/// companion, and that the base fits.
[[nodiscard]] Result<void> checkPayloadOpens(const std::filesystem::path& payload, const std::filesystem::path& base);
/// Every tensor rebuilt, and compared with its hash and with `final`, unless that is empty. Mismatch names the first that
/// differs.
[[nodiscard]] Result<void> checkPayloadRebuilds(const VerifyRequest& request, const JobContext& job);

/// A checkpoint that unpack wrote: it opens, and holds exactly the payload's tensors; with `everything` each is read again and
/// hashed.
[[nodiscard]] Result<void> checkCheckpoint(const std::filesystem::path& path, const Payload& payload, bool everything,
                                           const JobContext& job);

}  // namespace deltascope
