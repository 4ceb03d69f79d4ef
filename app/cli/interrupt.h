// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Ctrl-C, SIGTERM and SIGHUP as a stop request, so that jobs clean up after themselves.
#include <stop_token>
#include <thread>

namespace deltascope::cli {

/// Installs the handlers; at most one at a time. The first two signals ask the job to stop, a third ends the program at once.
/// SIGPIPE and SIGXFSZ are ignored: a closed pipe and a file that may not grow are failed writes.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  [[nodiscard]] std::stop_token token() const { return m_source.get_token(); }

 private:
  std::stop_source m_source;
  int m_pipe[2] = {-1, -1};
  std::thread m_watcher;
};

}  // namespace deltascope::cli
