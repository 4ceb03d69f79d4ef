// SPDX-License-Identifier: Apache-2.0
// Random checkpoints through pack, verify and unpack.
#include "tests/fuzz/pack_case.h"
#include "tests/headless/random_cases.h"

int main(int count, char** arguments) { return deltascope::fuzz::runCases<deltascope::fuzz::PackCase>(count, arguments); }
