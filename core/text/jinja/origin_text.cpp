// SPDX-License-Identifier: Apache-2.0
#include "core/text/jinja/origin_text.h"

#include <algorithm>

namespace deltascope::jinja {
namespace {

std::vector<OriginRun>::const_iterator runAt(const std::vector<OriginRun>& runs, std::size_t at) {
  return std::upper_bound(runs.begin(), runs.end(), at,
                          [](std::size_t offset, const OriginRun& run) { return offset < run.end; });
}

}  // namespace

Origin OriginText::originAt(std::size_t at) const {
  const auto run = runAt(m_before, at);
  return run == m_before.end() ? m_last : run->origin;
}

std::vector<OriginRun> OriginText::runs() const {
  auto all = m_before;
  if (!m_bytes.empty()) all.push_back({m_bytes.size(), m_last});
  return all;
}

void OriginText::append(std::string_view bytes, Origin origin) {
  if (bytes.empty()) return;
  if (!m_bytes.empty() && origin != m_last) m_before.push_back({m_bytes.size(), m_last});
  m_last = origin;
  m_bytes += bytes;
}

void OriginText::append(const OriginText& other, std::size_t begin, std::size_t end) {
  for (auto run = runAt(other.m_before, begin); begin < end; ++run) {
    const bool last = run == other.m_before.end();
    const std::size_t stop = last ? end : std::min(run->end, end);
    append(std::string_view(other.m_bytes).substr(begin, stop - begin), last ? other.m_last : run->origin);
    begin = stop;
    if (last) break;
  }
}

OriginText OriginText::slice(std::size_t begin, std::size_t end) const {
  OriginText part;
  part.append(*this, begin, end);
  return part;
}

}  // namespace deltascope::jinja
