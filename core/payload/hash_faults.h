// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What is said where bytes have another hash than a payload says.
#include <string>

#include "core/base/hash.h"
#include "core/base/result.h"

namespace deltascope {

/// Of a base, at its file and tensor: Mismatch.
[[nodiscard]] Error wrongBaseHash(const Location& where, const Hash128& base, const Hash128& madeOver);
/// Of a reconstruction.
[[nodiscard]] std::string wrongFinalHash(const Hash128& made, const Hash128& stored);
/// The same, at the payload and tensor. `code`: Corrupt where the base is known to be the right one, else Mismatch.
[[nodiscard]] Error wrongFinalHash(ErrorCode code, const Location& where, const Hash128& made, const Hash128& stored);

}  // namespace deltascope
