// SPDX-License-Identifier: Apache-2.0
// A benchmark run: the input is its file. What is read can be written, read again, and compared with itself.
#include <nlohmann/json.hpp>

#include "core/bench/diff.h"
#include "core/bench/record.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deltascope;
  const auto run = parseRun({reinterpret_cast<const char*>(data), size}, "run.json");
  if (!run) {
    fuzz::require(!run.error().message.empty() && run.error().code != ErrorCode::Internal);
    return 0;
  }
  fuzz::require(parseRun(toJsonText(*run), "run.json").has_value());
  fuzz::require(!toCsv(*run).empty());
  fuzz::require(compareRuns(*run, *run).rows.size() <= run->rows.size() + run->baselines.size());
  return 0;
}
