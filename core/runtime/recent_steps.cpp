// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/recent_steps.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "core/base/units.h"
#include "core/codec/codec.h"

namespace deltascope {

RecentSteps::RecentSteps(std::unique_ptr<const kernels::ElementSource> source, std::uint64_t columns, std::size_t elementBytes)
    : m_source(std::move(source)),
      m_step(std::min(m_source->step(), roundUp(columns, kTileElements))),
      m_elementBytes(elementBytes) {}

kernels::Outcome<void> RecentSteps::make(std::size_t piece, std::uint64_t first, std::uint64_t count, std::byte* into) const {
  const std::size_t bytes = count * m_elementBytes;
  {
    const std::lock_guard lock(m_mutex);
    const auto found =
        std::ranges::find_if(m_steps, [&](const Step& step) { return step.first == first && step.bytes.size() == bytes; });
    if (found != m_steps.end()) {
      std::memcpy(into, found->bytes.data(), bytes);
      return {};
    }
  }
  if (auto made = m_source->make(piece, first, count, into); !made) return made;
  const std::lock_guard lock(m_mutex);
  try {
    if (m_steps.size() < kRemembered) {
      m_steps.push_back({first, {into, into + bytes}});
    } else {
      Step& step = m_steps[m_oldest];
      step.bytes.assign(into, into + bytes);
      step.first = first;
      m_oldest = (m_oldest + 1) % kRemembered;
    }
  } catch (const std::bad_alloc&) {
    m_steps.clear();  // what cannot be remembered is made again
    m_oldest = 0;
  }
  return {};
}

}  // namespace deltascope
