// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/lookup.h"

#include <algorithm>

namespace deltascope {
namespace {

constexpr std::size_t kWindow = 16'384, kLongest = 32;  // a longer match says no more

}  // namespace

std::size_t lookUp(std::span<const TokenId> seen, std::size_t least, std::size_t most, std::vector<TokenId>& drafts) {
  if (seen.size() > kWindow) seen = seen.last(kWindow);
  if (seen.size() < 2) return 0;
  std::size_t found = 0, after = 0;
  for (std::size_t end = seen.size() - 1; end > 0 && found < kLongest; --end) {
    // The match that ends before `end`.
    const std::size_t longest = std::min(end, kLongest);
    std::size_t length = 0;
    while (length < longest && seen[end - 1 - length] == seen[seen.size() - 1 - length]) ++length;
    if (length > found) {
      found = length;
      after = end;
    }
  }
  if (found < least) return 0;
  const auto follows = seen.subspan(after, std::min(most, seen.size() - after));
  drafts.insert(drafts.end(), follows.begin(), follows.end());
  return found;
}

}  // namespace deltascope
