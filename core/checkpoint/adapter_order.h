// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The terms of an adapter in the order of PEFT's merge, and what that does to a tie. Internal to core/checkpoint.
#include <string>
#include <vector>

#include "core/checkpoint/adapter.h"
#include "core/checkpoint/adapter_targets.h"

namespace deltascope {

/// A term on its way. Its `head` says that it came through a tied lm_head.
struct FoundTerm {
  AdapterTerm term;
  bool newModule = false;  ///< modules_to_save, as opposed to weights loaded into the module that is there
};

/// PEFT loads replacements first, then merges in the order of the modules, in which lm_head is last. Of the two replacements of
/// a tied weight one remains where they are equal; where they differ, or modules_to_save names one of the two alone, they
/// untie.
[[nodiscard]] Result<std::vector<AdapterTerm>> inMergeOrder(std::vector<FoundTerm> found, const Checkpoint& adapter,
                                                            const AdapterTargets& targets);

/// Of an adapter with a vocabulary of `tokens`, over a base of `rows`.
[[nodiscard]] Error lacksTokens(const Location& where, std::uint64_t tokens, std::uint64_t rows, const std::string& missing);

}  // namespace deltascope
