// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Bytes that come to a device from its host while it computes: the deltas of streamed weights.
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "kernels/outcome.h"

namespace deltascope::kernels {

struct FeedRequest {
  /// Bytes of each item's parts, in the order in which a forward pass needs the items, which is followed again and again. A
  /// part is read in one call and lies at a multiple of 256 bytes of its item.
  std::vector<std::vector<std::uint64_t>> items;
  /// Reads one part into host memory of exactly its size. Called concurrently, from the feed's own threads.
  std::function<Outcome<void>(std::size_t item, std::size_t part, std::span<std::byte> into)> read;
  /// By item: 0, or the number of its run, which is one of neighbours: of a run, only what Feed::choose() names is brought.
  /// Empty: all 0.
  std::vector<std::uint32_t> runs;
  std::uint64_t deviceBytes = 0;  ///< of the ring on the device; at least deviceFeedBytes(items, …)
  std::uint64_t hostBytes = 0;    ///< of the pinned ring on the host; at least the largest part
  unsigned threads = 0;           ///< that read; 0: as the machine allows
};

struct FeedUse {
  std::uint64_t bytesCopied = 0;  ///< to the device, since the feed was opened
  double copySeconds = 0;         ///< that the copies took on the device's copy engine
  double waitSeconds = 0;         ///< that acquire() waited for the host to have read
};

/// A ring of items on the device, filled ahead of its use by threads of its own. Acquire and release on the thread that calls
/// the backend's operations.
class Feed {
 public:
  virtual ~Feed() = default;
  /// Where the item's bytes lie for operations called between this and release(). Items are acquired one at a time; one that
  /// does not follow the last begins the order anew from there. The error of reading it, if there was one.
  [[nodiscard]] virtual Outcome<const std::byte*> acquire(std::size_t item) = 0;
  virtual void release(std::size_t item) = 0;
  /// Of the run that begins with item `first` those that are acquired next, in this order, and then what follows the run. What
  /// lies behind a run's begin is brought no sooner than this is said.
  virtual void choose(std::size_t first, std::span<const std::size_t> items) = 0;
  [[nodiscard]] virtual FeedUse use() const = 0;
};

}  // namespace deltascope::kernels
