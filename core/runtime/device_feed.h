// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a GPU's feed reads: items of streamed weights, in the order of a forward pass. Internal to core/runtime.
#include <map>
#include <memory>
#include <vector>

#include "core/checkpoint/safetensors.h"
#include "core/runtime/device_tiles.h"
#include "core/runtime/plain_source.h"

namespace deltascope {

/// Collects items, then becomes the feed's reader. Chunks are read as plain bytes, piece by piece: loading has checked each
/// against its checksum (loadTiles), and to hash them again for every token costs more than to read them. Variants must outlive
/// it.
class FeedItems {
 public:
  /// The rows of a streamed weight, with the numbers of the items that bring them.
  [[nodiscard]] Result<std::vector<kernels::FeedRows>> add(const Checkpoint* base, const TensorOrigin& origin);
  [[nodiscard]] bool empty() const { return m_items.empty(); }
  /// With no sizes of the rings yet. Takes the items.
  [[nodiscard]] kernels::FeedRequest request();

 private:
  /// Bytes [begin, begin + bytes) of a tensor.
  struct Part {
    std::shared_ptr<const SafetensorsFile> file;  ///< null: `checkpoint`
    const Checkpoint* checkpoint = nullptr;
    const TensorInfo* tensor = nullptr;
    std::uint64_t begin = 0, bytes = 0;

    [[nodiscard]] Result<void> readTo(std::span<std::byte> into) const;
  };
  using Item = std::vector<Part>;
  /// Adds a range in pieces.
  static void append(Item& item, const Part& whole);
  [[nodiscard]] Result<std::shared_ptr<const SafetensorsFile>> fileOf(const Payload& payload);

  std::vector<Item> m_items;
  std::vector<std::uint32_t> m_runs;
  std::map<const Payload*, std::shared_ptr<const SafetensorsFile>> m_files;
};

}  // namespace deltascope
