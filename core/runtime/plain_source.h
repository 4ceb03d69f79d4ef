// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A plain weight that stays in its file and is read again for each use. Internal to core/runtime.
#include "core/runtime/stream_ring.h"

namespace deltascope {

inline constexpr std::uint64_t kPlainPieceElements = std::uint64_t{1} << 20;

/// Whether a weight is stored as the final needs it, with nothing to be done.
[[nodiscard]] bool isPlain(const TensorOrigin& origin);
[[nodiscard]] std::size_t plainPieces(const TensorOrigin& origin);
[[nodiscard]] StreamPiece plainPiece(const Checkpoint& checkpoint, const TensorOrigin& origin, std::size_t piece);

/// The rows in which a GPU's feed brings a plain weight; items are numbered by the caller.
[[nodiscard]] std::vector<kernels::FeedRows> plainFeedRows(const TensorOrigin& origin);

class PlainSource final : public kernels::ElementSource {
 public:
  /// All must outlive the source. Without a ring each step is read when it is asked for.
  PlainSource(const Checkpoint& checkpoint, const TensorOrigin& origin, StreamRing* ring, std::size_t ringTensor)
      : m_checkpoint(checkpoint), m_origin(origin), m_ring(ring), m_ringTensor(ringTensor) {}

  [[nodiscard]] std::size_t pieces() const override { return plainPieces(m_origin); }
  [[nodiscard]] std::uint64_t pieceBegin(std::size_t piece) const override;
  [[nodiscard]] std::uint64_t step() const override;
  [[nodiscard]] kernels::Outcome<void> make(std::size_t piece, std::uint64_t first, std::uint64_t count,
                                            std::byte* into) const override;

 private:
  Result<void> read(std::size_t piece, std::uint64_t first, std::span<std::byte> into) const;
  const Checkpoint& m_checkpoint;
  const TensorOrigin& m_origin;
  StreamRing* m_ring;
  std::size_t m_ringTensor;
};

}  // namespace deltascope
