// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Results on standard output and errors on standard error, the same in every locale.
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/checkpoint/companions.h"

namespace deltascope::cli {

using Json = nlohmann::ordered_json;

/// Text from files as a terminal may safely show it, whole: as printable() of core/base/result.h.
[[nodiscard]] std::string printable(std::string_view text);
/// Columns a terminal needs for UTF-8 text whose characters are one wide.
[[nodiscard]] std::size_t displayWidth(std::string_view text);

/// Rows with aligned columns, two spaces apart; the first row is the head. 'l' or 'r' a column.
[[nodiscard]] std::string table(const std::vector<std::vector<std::string>>& rows, std::string_view alignment);

[[nodiscard]] std::string percent(double share);  ///< "12.3 %"

/// One JSON object, indented, with a newline; bytes that are not UTF-8 are replaced.
void printJson(const Json& json);
void printText(std::string_view text);
/// Flushes standard output; false after a failed write that was not a closed pipe (reported on standard error).
[[nodiscard]] bool finishOutput();

/// "left out: training_args.bin (a state of training), …" and a newline; empty for nothing.
[[nodiscard]] std::string leftOutText(const std::vector<LeftOut>& leftOut);
/// `[{"file", "reason"}, …]`
[[nodiscard]] Json leftOutJson(const std::vector<LeftOut>& leftOut);

/// Prints "deltascope-cli: what" as one line and returns the exit status for it.
int report(const Error& error);

}  // namespace deltascope::cli
