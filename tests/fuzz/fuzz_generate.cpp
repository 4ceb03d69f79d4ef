// SPDX-License-Identifier: Apache-2.0
// A small model made of the input, packed and run: it says what the plain checkpoint says.
#include <cstdio>

#include "tests/fuzz/generate_case.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deltascope;
  static const auto folder = std::filesystem::temp_directory_path() / ("deltascope-fuzz-generate-" + std::to_string(getpid()));
  const auto problem = fuzz::GenerateCase(fuzz::Input(data, size), folder).run();
  if (!problem.empty()) std::fprintf(stderr, "%s\n", problem.c_str());
  fuzz::require(problem.empty());
  return 0;
}
