// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Reading ahead: the stored bytes of streamed weights, in the order in which a forward pass needs them, into a fixed number of
/// slots. Internal to core/runtime.
#include <memory>
#include <span>
#include <vector>

#include "core/runtime/host.h"
#include "core/runtime/planner.h"

namespace deltascope {

/// Where one piece of a tensor is stored.
struct StreamRead {
  std::shared_ptr<const Payload> payload;  ///< null: `checkpoint`
  const TensorStats* stats = nullptr;
  ChunkInfo chunk;
  const Checkpoint* checkpoint = nullptr;  ///< plain weights: bytes [begin, begin + bytes) of `info`
  const TensorInfo* info = nullptr;
  std::uint64_t begin = 0, bytes = 0;
};
/// What one piece needs, read one after another into one slot, each at a multiple of 64 bytes.
using StreamPiece = std::vector<StreamRead>;
[[nodiscard]] std::uint64_t slotBytes(const StreamPiece& piece);
[[nodiscard]] Result<void> readPiece(const StreamPiece& piece, std::span<std::byte> into);

/// One thread reads ahead of those that compute; slots bound its memory. A forward pass announces each stretch of tensors with
/// seek(); their pieces are then taken in ascending order, by several threads, and given back.
class StreamRing {
 public:
  StreamRing();
  /// The number of the next streamed tensor, which has these pieces; tensors come in the order of a forward pass, which is
  /// followed again and again. Before start().
  std::size_t add(std::vector<StreamPiece> pieces);
  [[nodiscard]] bool empty() const;
  /// Begins to read what was added, if anything was. The slots' memory comes from the host's account; `threads` is how many
  /// take pieces.
  [[nodiscard]] Result<void> start(const Host& host, unsigned threads);
  ~StreamRing();  ///< ends the thread

  /// The next piece taken is of this tensor. Does nothing when the reader is there already. No piece may be taken meanwhile.
  void seek(std::size_t tensor);
  /// Waits for the piece's bytes, and for room while earlier pieces are not given back; valid until done(). The error of
  /// reading them, if there was one; Cancelled after abandon().
  [[nodiscard]] Result<std::span<const std::byte>> take(std::size_t tensor, std::size_t piece);
  void done(std::size_t tensor, std::size_t piece);
  /// A piece that was taken will not be given back: everybody who waits is told, until the next seek().
  void abandon();

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

}  // namespace deltascope
