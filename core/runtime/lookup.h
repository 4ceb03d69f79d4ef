// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Drafts from the text itself: what followed its last tokens where they stood before. Internal to core/runtime.
#include <cstddef>
#include <span>
#include <vector>

#include "core/text/tokenizer.h"

namespace deltascope {

/// Appends at most `most` tokens to `drafts`: those after the longest earlier match of the end of `seen`, the latest one on
/// ties. Returns how many tokens matched; 0 and no drafts where fewer than `least` (≥ 1) do. Looks at no more than the last
/// 16,384 tokens.
std::size_t lookUp(std::span<const TokenId> seen, std::size_t least, std::size_t most, std::vector<TokenId>& drafts);

}  // namespace deltascope
