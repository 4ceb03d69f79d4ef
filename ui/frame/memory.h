// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <QString>
#include <cstdint>
#include <functional>

namespace deltascope::ui {

/// Memory of this program and of the machine, in bytes.
struct MemorySample {
  std::uint64_t own = 0;        ///< resident now (VmRSS)
  std::uint64_t peak = 0;       ///< resident at most since the start (VmHWM)
  std::uint64_t available = 0;  ///< of the machine (MemAvailable); 0 when unknown
  std::uint64_t total = 0;      ///< of the machine (MemTotal); 0 when unknown
};
using MemorySampler = std::function<MemorySample()>;

/// Linux: /proc/self/status and /proc/meminfo. Zeros where they cannot be read.
[[nodiscard]] MemorySample readMemory();
/// MemTotal and MemAvailable of a /proc/meminfo text.
void parseMeminfo(const QByteArray& text, MemorySample& into);

[[nodiscard]] QString gib(std::uint64_t bytes);                   ///< "1.24": GiB with two decimals
[[nodiscard]] QString memoryText(const MemorySample& sample);     ///< "memory 1.24 of 24.00 GiB"
[[nodiscard]] QString memoryToolTip(const MemorySample& sample);  ///< own, others', total, and where each figure comes from

}  // namespace deltascope::ui
