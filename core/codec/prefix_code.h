// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Prefix codes whose symbols are buckets of differences: which buckets, and how long their prefixes.
#include <span>
#include <vector>

#include "core/codec/residual_model.h"

namespace deltascope::residual {

/// At most 2^prefixBits buckets with prefixes of equal length. `counts`: of each x, 65,536 entries. Chosen by dynamic
/// programming for the fewest bits, patches (32 bits) included; never empty.
[[nodiscard]] std::vector<Bucket> equalPrefixes(std::span<const std::uint32_t> counts, unsigned prefixBits);

/// Buckets for the least entropy plus raw bits, then a length-limited Huffman code over them (package-merge; Larmore and
/// Hirschberg 1990). Ascending prefix lengths of at most `prefixBits`.
[[nodiscard]] std::vector<Bucket> huffmanPrefixes(std::span<const std::uint32_t> counts, unsigned prefixBits);

}  // namespace deltascope::residual
