// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The account of one device, for backends: counters without locks.
#include <memory>

#include "kernels/memory.h"

namespace deltascope::kernels {

/// `limit` as in MemoryUse. OutOfMemory says what was asked for, how much that was, what is held, and the limit.
[[nodiscard]] std::shared_ptr<MemoryAccount> makeAccount(std::uint64_t limit);

/// "1.24 GiB"; bytes as such below a KiB.
[[nodiscard]] std::string formatBytes(std::uint64_t bytes);

}  // namespace deltascope::kernels
