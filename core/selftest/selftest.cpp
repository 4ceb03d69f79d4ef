// SPDX-License-Identifier: Apache-2.0
#include "core/selftest/selftest.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>
#include <random>

#include "core/base/failure.h"
#include "core/runtime/device_list.h"
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

namespace {

Result<void> testDevice(const std::string& device, const JobContext& job, selftest::Checks& checks) {
  kernels::BackendOptions options;
  options.device = device;
  options.threads = job.threads;
  DELTASCOPE_ASSIGN(const auto backend, fromBackend(kernels::openBackend(options)));
  DELTASCOPE_TRY(selftest::testCodecs(backend, job.stop, checks));
  DELTASCOPE_TRY(selftest::testProducts(*backend, job.stop, checks));
  DELTASCOPE_TRY(selftest::testPasses(*backend, job.stop, checks));
  DELTASCOPE_TRY(selftest::testModel(device, job, checks));
  DELTASCOPE_TRY(selftest::testPrompts(device, job, checks));
  DELTASCOPE_TRY(selftest::testFamilies(device, job, checks));
  return selftest::testDrafts(device, job, checks);
}

}  // namespace

Result<SelfTestResult> selfTest(const SelfTestRequest& request, const JobContext& job) {
  const auto start = std::chrono::steady_clock::now();
  DELTASCOPE_ASSIGN(const auto devices, findDevices(request.device));
  SelfTestResult result;
  for (auto device = devices.begin(); device != devices.end(); ++device)
    if (std::find(devices.begin(), device, *device) == device) DELTASCOPE_TRY(testDevice(*device, job, result.checks));
  if (devices.size() > 1) DELTASCOPE_TRY(selftest::testSplit(devices, job, result.checks));
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace deltascope
