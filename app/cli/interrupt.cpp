// SPDX-License-Identifier: Apache-2.0
#include "app/cli/interrupt.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>

namespace deltascope::cli {
namespace {

constexpr char kQuit = 'q', kSignal = 's';
constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
std::atomic<int> pipeEnd{-1};
std::atomic<int> received{0};
static_assert(std::atomic<int>::is_always_lock_free);

/// A stop_source may lock and call back, which a signal handler must not: it only writes a byte for the watcher.
void onSignal(int) {
  const int saved = errno;
  if (received.fetch_add(1) >= 2) _exit(130);
  if (const int end = pipeEnd.load(); end >= 0 && write(end, &kSignal, 1) < 0) _exit(130);
  errno = saved;
}

}  // namespace

Interrupt::Interrupt() {
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  for (const int signal : {SIGPIPE, SIGXFSZ}) sigaction(signal, &ignore, nullptr);
  if (pipe2(m_pipe, O_CLOEXEC) != 0) return;
  pipeEnd = m_pipe[1];
  m_watcher = std::thread([this] {
    char byte = 0;
    for (;;) {
      const ssize_t got = read(m_pipe[0], &byte, 1);
      if (got < 0 && errno == EINTR) continue;
      if (got != 1 || byte == kQuit) return;
      m_source.request_stop();
    }
  });
  struct sigaction action = {};
  action.sa_handler = onSignal;
  action.sa_flags = SA_RESTART;
  for (const int signal : kSignals) {
    struct sigaction present = {};
    if (sigaction(signal, nullptr, &present) == 0 && present.sa_handler == SIG_IGN && signal == SIGHUP) continue;  // nohup
    sigaction(signal, &action, nullptr);
  }
}

Interrupt::~Interrupt() {
  struct sigaction normal = {};
  normal.sa_handler = SIG_DFL;
  for (const int signal : kSignals) sigaction(signal, &normal, nullptr);
  pipeEnd = -1;
  if (m_pipe[1] < 0) return;
  if (write(m_pipe[1], &kQuit, 1) == 1)
    m_watcher.join();
  else
    m_watcher.detach();
  close(m_pipe[0]);
  close(m_pipe[1]);
}

}  // namespace deltascope::cli
