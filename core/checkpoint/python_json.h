// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Numbers that Python's json writes and reads, and JSON has not. For readers of JSON, not for callers of theirs.
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace deltascope {

/// The text with each NaN, Infinity, -Infinity and number beyond doubles replaced by a string of the same length, so that
/// offsets stay; `ends` has where each of them ends, ascending, and its value.
struct PlainJson {
  std::string text;
  std::vector<std::pair<std::size_t, double>> ends;
};

/// `text` need not be valid: what is not one of these numbers stays as it is.
[[nodiscard]] PlainJson replacePythonNumbers(std::string_view text);

}  // namespace deltascope
