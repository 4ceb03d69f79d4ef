// SPDX-License-Identifier: Apache-2.0
#include "core/selftest/selftest.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>
#include <random>

#include "core/base/failure.h"
#include "core/selftest/parts.h"

namespace deltascope {

bool SelfTestResult::passed() const {
  return !checks.empty() && std::all_of(checks.begin(), checks.end(), [](const SelfTestCheck& check) { return check.passed; });
}

std::vector<float> selftest::gaussian(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto uniform = [&] { return (static_cast<double>(random() >> 11) + 0.5) * 0x1p-53; };
  std::vector<float> values(count);
  for (auto& value : values)
    value = static_cast<float>(0.02 * std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform()));
  return values;
}

Result<SelfTestResult> selfTest(const SelfTestRequest& request, const JobContext& job) {
  const auto start = std::chrono::steady_clock::now();
  kernels::BackendOptions options;
  options.device = request.device;
  options.threads = job.threads;
  DELTASCOPE_ASSIGN(const auto backend, fromBackend(kernels::openBackend(options)));
  SelfTestResult result;
  DELTASCOPE_TRY(selftest::testCodecs(backend, job.stop, result.checks));
  DELTASCOPE_TRY(selftest::testProducts(*backend, job.stop, result.checks));
  DELTASCOPE_TRY(selftest::testPasses(*backend, job.stop, result.checks));
  DELTASCOPE_TRY(selftest::testModel(request.device, job, result.checks));
  DELTASCOPE_TRY(selftest::testPrompts(request.device, job, result.checks));
  DELTASCOPE_TRY(selftest::testFamilies(request.device, job, result.checks));
  DELTASCOPE_TRY(selftest::testDrafts(request.device, job, result.checks));
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace deltascope
