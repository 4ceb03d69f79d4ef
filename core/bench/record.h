// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A run as a file: JSON with a version, and rows as CSV.
#include <nlohmann/json_fwd.hpp>

#include "core/bench/bench.h"

namespace deltascope {

inline constexpr int kRunVersion = 1;
inline constexpr const char* kRunFormat = "deltascope-benchmark";
/// In memory.own_is of a record whose own_bytes are what the run accounted, as the first records had it.
inline constexpr const char* kOwnIsAccounted = "accounted";

/// The object that the file holds and `bench --json` prints. Bytes, milliseconds, and GB/s of 10^9 bytes; a figure that was not
/// measured is null. With one generation its figures are in the object itself too.
[[nodiscard]] nlohmann::ordered_json toJson(const BenchmarkRun& run);
[[nodiscard]] std::string toJsonText(const BenchmarkRun& run);
/// Untrusted: Corrupt names the field; Unsupported: another version, or no run at all.
[[nodiscard]] Result<BenchmarkRun> parseRun(std::string_view text, const std::filesystem::path& path);
[[nodiscard]] Result<BenchmarkRun> readRun(const std::filesystem::path& path);
/// Rows, then baselines (RFC 4180, `.` decimals, units in the header). `headline`: the rows that the run's figures are of;
/// `run_state` says in each line when the run is partial.
[[nodiscard]] std::string toCsv(const BenchmarkRun& run);

}  // namespace deltascope
