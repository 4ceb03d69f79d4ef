// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Weights whose deltas a GPU's products read as they are stored: `entropy` and `bitpack` over a four-bit base. Internal to
/// core/runtime.
#include <map>
#include <mutex>

#include "core/codec/residual.h"
#include "core/runtime/host.h"

namespace deltascope {

/// Whether the weight is one: one payload, a BF16 final, whole steps a row. A model that no product reads is found when its
/// table is made.
[[nodiscard]] bool hasTiles(const TensorOrigin& origin);

/// Bytes of the largest item in which a streamed weight comes, where its rows let it be cut.
inline constexpr std::uint64_t kFeedItemBytes = std::uint64_t{8} << 20;
/// Items that a GPU's ring of streamed weights holds: one in use, one on its way, and others that the host's threads read.
inline constexpr std::uint64_t kFeedItems = 12;
/// Memory on the device for streaming items of at most so many bytes.
[[nodiscard]] constexpr std::uint64_t feedBytes(std::uint64_t itemBytes) { return kFeedItems * (itemBytes + 65536); }
/// Bytes made at a time for products of several tokens.
inline constexpr std::uint64_t kMadeBytes = std::uint64_t{32} << 20;
/// With so many the rows of a wide matrix occupy a whole GPU: 2,048 of 14,336 columns, for 512 tokens a wave of 128 blocks.
inline constexpr std::uint64_t kUsefulMadeBytes = std::uint64_t{56} << 20;

/// How a weight's stream is laid out on the device: its chunks one after another, each at a multiple of 256 bytes.
struct TileStream {
  std::vector<std::uint64_t> chunkAt;  ///< of each chunk; then the end
  struct Item {
    std::size_t firstChunk = 0, endChunk = 0;
    kernels::FeedRows rows;  ///< item number left 0
  };
  std::vector<Item> items;  ///< for streaming

  [[nodiscard]] std::uint64_t bytes() const { return chunkAt.back(); }
  [[nodiscard]] std::uint64_t largestItem() const;
};
[[nodiscard]] TileStream tileStream(const TensorOrigin& origin);

/// The rows that are made together at most, as bytes of the final.
[[nodiscard]] std::uint64_t madeBytes(std::uint64_t rows, std::uint64_t columns, std::uint64_t elementBytes);

/// One weight's tiles on the device.
struct DeviceTiles {
  kernels::Buffer stream, offsets;
  std::shared_ptr<const kernels::Buffer> table;
  kernels::Tiles tiles;  ///< points into these
};

/// Tables by model, so that tensors of one model share one, and products can be done together. Thread-safe.
class TileTables {
 public:
  [[nodiscard]] Result<std::shared_ptr<const kernels::Buffer>> get(Host& host, const ModelPtr& model);

 private:
  std::mutex m_mutex;
  std::map<ModelPtr, std::shared_ptr<const kernels::Buffer>> m_tables;
};

/// Reads a weight's chunks; with `keepStream` they stay on the device, else only where the tiles lie. The error of a damaged
/// file names file, tensor and chunk.
[[nodiscard]] Result<DeviceTiles> loadTiles(Host& host, TileTables& tables, const TensorOrigin& origin,
                                            const TileStream& stream, bool keepStream, const std::stop_token& stop);

}  // namespace deltascope
