// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
#include <atomic>
#include <chrono>
#include <stop_token>
#include <thread>

namespace deltascope::ui {

/// A gate that work waits at, until it is opened or the job is stopped.
struct Gate {
  std::atomic<bool> open{false};
  std::atomic<int> entered{0};
  [[nodiscard]] bool wait(const std::stop_token& stop) {
    ++entered;
    while (!open && !stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return !stop.stop_requested();
  }
};

}  // namespace deltascope::ui
