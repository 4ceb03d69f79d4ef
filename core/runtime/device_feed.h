// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a GPU's feed reads: items of streamed weights, in the order of a forward pass. Internal to core/runtime.
#include <atomic>
#include <memory>
#include <vector>

#include "core/checkpoint/safetensors.h"
#include "core/runtime/device_tiles.h"
#include "core/runtime/plain_source.h"

namespace deltascope {

/// Collects items, then becomes the feed's reader. A chunk is checked against its checksum when it is first read; after that
/// its bytes are taken as they are, for hashing costs more than reading. Variants must outlive it.
class FeedItems {
 public:
  /// The rows of a streamed weight, with the numbers of the items that bring them.
  [[nodiscard]] Result<std::vector<kernels::FeedRows>> add(const Checkpoint* base, const TensorOrigin& origin);
  [[nodiscard]] bool empty() const { return m_items.empty(); }
  /// With no sizes of the rings yet. Takes the items.
  [[nodiscard]] kernels::FeedRequest request();

 private:
  struct Part {
    StreamRead read;
    std::shared_ptr<const SafetensorsFile> file;  ///< the payload as plain bytes
    const TensorInfo* stream = nullptr;           ///< in it
    std::unique_ptr<std::atomic<bool>> checked = std::make_unique<std::atomic<bool>>(false);

    [[nodiscard]] std::uint64_t bytes() const { return read.payload ? read.chunk.bytes : read.bytes; }
    [[nodiscard]] Result<void> readTo(std::span<std::byte> into) const;
  };
  using Item = std::vector<Part>;
  [[nodiscard]] Result<std::shared_ptr<const SafetensorsFile>> fileOf(const Payload& payload);

  std::vector<Item> m_items;
  std::map<const Payload*, std::shared_ptr<const SafetensorsFile>> m_files;
};

}  // namespace deltascope
