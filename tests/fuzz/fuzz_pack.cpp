// SPDX-License-Identifier: Apache-2.0
// The whole job: a checkpoint and options made of the input, packed, verified, unpacked and compared.
#include <cstdio>

#include "tests/fuzz/pack_case.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deltascope;
  static const auto folder = std::filesystem::temp_directory_path() / ("deltascope-fuzz-pack-" + std::to_string(getpid()));
  const auto problem = fuzz::PackCase(fuzz::Input(data, size), folder).run();
  if (!problem.empty()) std::fprintf(stderr, "%s\n", problem.c_str());
  fuzz::require(problem.empty());
  return 0;
}
