// SPDX-License-Identifier: Apache-2.0
#include "kernels/shared/account.h"

#include <array>
#include <atomic>
#include <cstdio>

namespace deltascope::kernels {
namespace {

class Account final : public MemoryAccount {
 public:
  explicit Account(std::uint64_t limit) : m_limit(limit) {}

  MemoryUse use() const override { return {m_current.load(), m_peak.load(), m_limit.load()}; }

  Outcome<void> take(std::uint64_t bytes, std::string_view what) override {
    std::uint64_t held = m_current.load(), sum = 0;
    do {
      const std::uint64_t limit = m_limit.load();
      if (__builtin_add_overflow(held, bytes, &sum) || (limit != 0 && sum > limit))
        return tl::unexpected(tooMuch(bytes, what, held, limit));
    } while (!m_current.compare_exchange_weak(held, sum));
    std::uint64_t peak = m_peak.load();
    while (peak < sum && !m_peak.compare_exchange_weak(peak, sum)) {
    }
    return {};
  }

  void giveBack(std::uint64_t bytes) noexcept override { m_current.fetch_sub(bytes); }
  void setLimit(std::uint64_t bytes) override { m_limit.store(bytes); }
  void resetPeak() override { m_peak.store(m_current.load()); }

 private:
  static Failure tooMuch(std::uint64_t bytes, std::string_view what, std::uint64_t held, std::uint64_t limit) {
    std::string message = std::string(what) + " needs " + formatBytes(bytes);
    if (limit == 0)
      message += ", more than can be counted beside the " + formatBytes(held) + " held";
    else
      message += ", but " + formatBytes(held) + " of the limit of " + formatBytes(limit) + " are held";
    return {Failure::Kind::OutOfMemory, std::move(message), "raise the memory limit"};
  }

  std::atomic<std::uint64_t> m_current = 0, m_peak = 0, m_limit;
};

}  // namespace

std::shared_ptr<MemoryAccount> makeAccount(std::uint64_t limit) { return std::make_shared<Account>(limit); }

std::string formatBytes(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  constexpr std::array kUnits{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1023.995 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, "%.2f %s", value, kUnits[unit]);
  return text;
}

}  // namespace deltascope::kernels
