// SPDX-License-Identifier: Apache-2.0
#include "app/cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "app/cli/print.h"
#include "core/base/units.h"

namespace deltascope::cli {
namespace {

using namespace std::chrono_literals;

double shareOf(const Progress& p) {
  if (p.bytesTotal) return std::min(1.0, double(p.bytesDone) / double(p.bytesTotal));
  if (p.tensorsTotal) return std::min(1.0, double(p.tensorsDone) / double(p.tensorsTotal));
  return -1;
}

std::size_t terminalWidth() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80u;
}

/// The first `width` characters of UTF-8 text.
std::string_view head(std::string_view text, std::size_t width) {
  std::size_t i = 0;
  for (std::size_t shown = 0; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80 && shown++ == width) break;
  return text.substr(0, i);
}

std::string bar(double share) {
  constexpr std::size_t kCells = 20;
  const auto filled = static_cast<std::size_t>(share * kCells);
  return fmt::format("[{:#<{}}{:.<{}}]", "", filled, "", kCells - filled);
}

}  // namespace

std::string progressText(const Progress& p) {
  std::string text = p.phase;
  if (const double share = shareOf(p); share >= 0) text += fmt::format(" {:.0f} %", 100 * share);
  if (p.tensorsTotal) text += fmt::format(", {} of {} tensors", formatCount(p.tensorsDone), formatCount(p.tensorsTotal));
  if (const double rate = p.throughput(); rate > 0) text += ", " + formatRate(rate);
  if (const double eta = p.eta(); eta >= 0) text += ", " + formatDuration(eta) + " left";
  if (!p.tensor.empty()) text += ", " + printable(p.tensor);
  return text;
}

ProgressPrinter::ProgressPrinter(bool quiet) : m_quiet(quiet) {
  const char* term = std::getenv("TERM");
  m_terminal = isatty(STDERR_FILENO) == 1 && term && std::string_view(term) != "dumb";
}

ProgressPrinter::~ProgressPrinter() { clear(); }

void ProgressPrinter::clear() {
  if (!m_drawn) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  m_drawn = false;
}

void ProgressPrinter::show(const Progress& progress) {
  if (m_quiet) return;
  if (m_terminal)
    drawBar(progress);
  else
    printLine(progress);
}

void ProgressPrinter::drawBar(const Progress& progress) {
  const double share = shareOf(progress);
  std::string text = progressText(progress);
  if (share >= 0) text = fmt::format("{} {}", bar(share), text);
  fmt::print(stderr, "\r{}\x1b[K", head(text, terminalWidth() - 1));
  std::fflush(stderr);
  m_drawn = true;
}

/// A log should say that something happens without filling up: a line for each phase, and within one a line a second at most,
/// and only at every tenth or ten seconds.
void ProgressPrinter::printLine(const Progress& progress) {
  const auto now = Clock::now();
  const int step = static_cast<int>(10 * shareOf(progress));
  const bool newPhase = progress.phase != m_phase;
  if (!newPhase && (now - m_last < 1s || (step == m_step && now - m_last < 10s))) return;
  m_phase = progress.phase;
  m_step = step;
  m_last = now;
  fmt::print(stderr, "{}\n", progressText(progress));
}

}  // namespace deltascope::cli
