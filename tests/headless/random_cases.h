// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Runs cases that are made of seeds: FIRST, FIRST + 1 … until COUNT are done or SECONDS are over.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/input.h"

namespace deltascope::fuzz {

/// The body of main(): `Case(Input, folder).run()` says what is wrong. Returns the exit status.
template <class Case>
int runCases(int count, char** arguments) {
  if (count != 4) {
    std::fprintf(stderr, "usage: %s FIRST COUNT SECONDS\n", arguments[0]);
    return 2;
  }
  const std::uint64_t first = std::stoull(arguments[1]), cases = std::stoull(arguments[2]);
  const std::chrono::seconds limit(std::stoull(arguments[3]));
  const auto start = std::chrono::steady_clock::now();
  const auto folder = std::filesystem::temp_directory_path() / ("deltascope-cases-" + std::to_string(getpid()));
  std::uint64_t done = 0, wrong = 0;
  for (; done < cases && std::chrono::steady_clock::now() - start < limit; ++done) {
    std::mt19937_64 random(first + done);
    std::vector<std::uint64_t> choices(512);
    for (auto& choice : choices) choice = random();
    const Input input(reinterpret_cast<const std::uint8_t*>(choices.data()), choices.size() * sizeof(choices[0]));
    const std::string problem = Case(input, folder).run();
    if (problem.empty()) continue;
    ++wrong;
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(first + done), problem.c_str());
    std::fflush(stdout);
  }
  std::filesystem::remove_all(folder);
  std::printf("%llu cases, %llu wrong\n", static_cast<unsigned long long>(done), static_cast<unsigned long long>(wrong));
  return done == 0 || wrong > 0;
}

}  // namespace deltascope::fuzz
