// SPDX-License-Identifier: Apache-2.0
#include "app/cli/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "app/cli/command.h"

namespace deltascope::cli {
namespace {

int outputError = 0;

}  // namespace

std::string printable(std::string_view text) { return deltascope::printable(text, std::string_view::npos); }

std::size_t displayWidth(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string table(const std::vector<std::vector<std::string>>& rows, std::string_view alignment) {
  std::vector<std::size_t> widths(alignment.size());
  for (const auto& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], displayWidth(row[c]));
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string padding(widths[c] - displayWidth(row[c]), ' ');
      if (c) line += "  ";
      line += alignment[c] == 'r' ? padding + row[c] : row[c] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

void printText(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() && !outputError) outputError = errno;
}

void printJson(const Json& json) { printText(json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n'); }

bool finishOutput() {
  if (std::fflush(stdout) != 0 && !outputError) outputError = errno;
  if (!outputError || outputError == EPIPE) return true;
  fmt::print(stderr, "deltascope-cli: standard output: {}\n", std::strerror(outputError));
  return false;
}

std::string leftOutText(const std::vector<LeftOut>& leftOut) {
  constexpr std::size_t kMostNamed = 40;
  return leftOut.empty() ? std::string() : "left out: " + printable(describeLeftOut(leftOut, kMostNamed)) + '\n';
}

Json leftOutJson(const std::vector<LeftOut>& leftOut) {
  Json list = Json::array();
  for (const auto& one : leftOut) list.push_back({{"file", one.name}, {"reason", one.reason}});
  return list;
}

int report(const Error& error) {
  fmt::print(stderr, "deltascope-cli: {}\n", printable(describe(error)));
  return error.code == ErrorCode::Cancelled ? kCancelled : kRefused;
}

}  // namespace deltascope::cli
