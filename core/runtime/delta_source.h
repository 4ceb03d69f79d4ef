// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The final weight made from its base and its deltas when a product asks for it. Internal to core/runtime.
#include <atomic>
#include <memory>
#include <vector>

#include "core/runtime/host.h"
#include "core/runtime/stream_ring.h"

namespace deltascope {

/// Chunks of a weight's deltas that lie in memory back to back: by step, by chunk.
struct ResidentDeltas {
  kernels::Buffer bytes;
  std::vector<std::vector<std::uint64_t>> offsets;  ///< of chunk c of step s
};

/// Reads and checks them into memory of the host; `deltaBytes` of a PieceShape, less the factors. Cancelled when `stop` says
/// so.
[[nodiscard]] Result<std::shared_ptr<const ResidentDeltas>> loadDeltas(kernels::Backend& backend, const TensorOrigin& origin,
                                                                       const std::stop_token& stop);

/// Where the stored bytes come from.
struct DeltaPlaces {
  std::shared_ptr<const ResidentBase> base;      ///< null: read from `file` (or there is none)
  std::shared_ptr<const BaseModel> file;         ///< the base's files, where `base` is null
  std::shared_ptr<const ResidentDeltas> deltas;  ///< null: read from the payloads
  StreamRing* ring = nullptr;                    ///< that reads ahead; null: each piece is read when it is asked for
  std::size_t ringTensor = 0;                    ///< the tensor's number there
  /// For look-ups of single rows, from the payloads: a chunk is read whole and checked when it is first needed, and from then
  /// on no more of it than the tiles asked for, where its codec can find them.
  bool byRows = false;
};

/// Chunks and models that one piece needs, and what a thread needs beside its result; what the planner counts.
struct PieceShape {
  std::vector<std::uint64_t> pieces;  ///< first element of each, and the end
  std::uint64_t step = 0;
  bool byTiles = false;          ///< a tile costs a tile's time, not its chunk's
  std::uint64_t pieceBytes = 0;  ///< stored bytes of the largest
  std::uint64_t workBytes = 0;   ///< scratch of a thread for one step
  std::uint64_t deltaBytes = 0;  ///< stored bytes of all
};
[[nodiscard]] PieceShape pieceShape(const TensorOrigin& origin);
/// The chunks of `origin` that hold elements of [first, end): by step, first and last + 1.
[[nodiscard]] std::vector<std::pair<std::size_t, std::size_t>> chunksOf(const TensorOrigin& origin, std::uint64_t first,
                                                                        std::uint64_t end);

/// Whether all steps have the final's elements, so that pieces of one are pieces of the others.
[[nodiscard]] bool keepsRows(const TensorOrigin& origin);

/// The reads of one piece: all its chunks, step by step.
[[nodiscard]] StreamPiece streamPiece(const TensorOrigin& origin, std::size_t piece);

/// Elements of one weight: decoding of the last step over the one below it, down to the base. Threads: make() may be called
/// concurrently; each thread keeps its scratch.
class DeltaSource final : public kernels::ElementSource {
 public:
  /// `origin` (and the variant it belongs to) must outlive the source. Loads the models of its codecs.
  [[nodiscard]] static Result<std::unique_ptr<DeltaSource>> create(const TensorOrigin& origin, DeltaPlaces places);

  [[nodiscard]] std::size_t pieces() const override { return m_shape.pieces.size() - 1; }
  [[nodiscard]] std::uint64_t pieceBegin(std::size_t piece) const override { return m_shape.pieces[piece]; }
  [[nodiscard]] std::uint64_t step() const override { return m_shape.step; }
  [[nodiscard]] bool byTiles() const { return m_shape.byTiles; }
  [[nodiscard]] kernels::Outcome<void> make(std::size_t piece, std::uint64_t first, std::uint64_t count,
                                            std::byte* into) const override;

 private:
  struct Work;
  using PieceBytes = std::vector<std::vector<std::span<const std::byte>>>;  ///< by step, by chunk from the piece's first
  DeltaSource(const TensorOrigin& origin, DeltaPlaces places) : m_origin(origin), m_places(std::move(places)) {}
  Result<void> bindPiece(std::size_t piece, Work& work) const;
  Result<void> bindTiles(std::size_t piece, std::uint64_t first, std::uint64_t count, Work& work) const;
  Result<void> makeRange(std::size_t piece, std::uint64_t first, std::uint64_t count, std::span<std::byte> into) const;
  /// The values below step `level` (level 0: of the base) as a slice.
  Result<void> sliceBelow(std::size_t level, std::uint64_t first, std::size_t count, Work& work, BaseSlice& slice) const;
  Result<void> decodeLevel(std::size_t level, std::uint64_t first, std::size_t count, Work& work,
                           std::span<std::byte> into) const;
  Result<void> baseSlice(std::uint64_t first, std::size_t count, DType type, bool withValues, Work& work,
                         BaseSlice& slice) const;

  const TensorOrigin& m_origin;
  DeltaPlaces m_places;
  std::uint64_t m_number = 0;  ///< unlike any other source's, dead ones included
  PieceShape m_shape;
  std::vector<ModelPtr> m_models;  ///< by step
  /// By piece: it was read whole. Empty where pieces are always read so.
  mutable std::vector<std::atomic<bool>> m_checked;
};

}  // namespace deltascope
