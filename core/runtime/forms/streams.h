// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What comes again for each pass: into a ring on the host, or through the feed of a GPU. Internal to core/runtime.
#include "core/runtime/device_feed.h"
#include "core/runtime/forms/form.h"
#include "core/runtime/stream_ring.h"

namespace deltascope {

/// First weights add their parts, in the order of a pass, then it starts. A pass that takes them in another order is served,
/// but not ahead of time.
class WeightStreams {
 public:
  explicit WeightStreams(const FormPlace& place) : m_place(place) {}
  /// The weight's number in the ring.
  [[nodiscard]] std::size_t toRing(std::vector<StreamPiece> pieces) { return m_ring.add(std::move(pieces)); }
  /// The items that bring its rows, as tiles or plain.
  [[nodiscard]] Result<std::vector<kernels::FeedRows>> toFeed(const TensorOrigin& origin);
  /// `threads` take pieces of the ring; `deviceBytes` are for the feed. Without parts nothing happens.
  [[nodiscard]] Result<void> start(unsigned threads, std::uint64_t deviceBytes);

  [[nodiscard]] StreamRing& ring() { return m_ring; }
  [[nodiscard]] kernels::Feed* feed() const { return m_feed.get(); }  ///< null before start, and without items
  [[nodiscard]] bool empty() const { return m_ring.empty() && !m_feed; }
  [[nodiscard]] kernels::FeedUse feedUse() const { return m_feed ? m_feed->use() : kernels::FeedUse{}; }

 private:
  const FormPlace& m_place;
  StreamRing m_ring;
  FeedItems m_items;
  std::unique_ptr<kernels::Feed> m_feed;
};

}  // namespace deltascope
