// SPDX-License-Identifier: Apache-2.0
// Random small models: packed, placed and bounded at random, they say what the plain checkpoint says.
#include "tests/fuzz/generate_case.h"
#include "tests/headless/random_cases.h"

int main(int count, char** arguments) { return deltascope::fuzz::runCases<deltascope::fuzz::GenerateCase>(count, arguments); }
