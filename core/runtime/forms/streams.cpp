// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/forms/streams.h"

#include "kernels/gpu_ops.h"

namespace deltascope {
namespace {

/// Page-locked memory through which a feed's items go.
constexpr std::uint64_t kFeedHostBytes = std::uint64_t{112} << 20;

}  // namespace

Result<std::vector<kernels::FeedRows>> WeightStreams::toFeed(const TensorOrigin& origin) {
  const auto& base = m_place.variant->base;
  return m_items.add(base ? &base->checkpoint() : nullptr, origin);
}

Result<void> WeightStreams::start(unsigned threads, std::uint64_t deviceBytes) {
  DELTASCOPE_TRY(m_ring.start(*m_place.host, threads));
  if (m_items.empty()) return {};
  kernels::FeedRequest request = m_items.request();
  request.deviceBytes = deviceBytes;
  request.hostBytes = kFeedHostBytes;
  DELTASCOPE_ASSIGN(m_feed, fromBackend(m_place.host->backend().gpu()->openFeed(std::move(request))));
  return {};
}

}  // namespace deltascope
