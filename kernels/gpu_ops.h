// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What only a GPU does: forms of weights that its products read, bytes that come from its host, decoding where a weight lies.
/// Backend::gpu() gives it.
#include <memory>
#include <span>

#include "kernels/decode.h"
#include "kernels/feed.h"
#include "kernels/memory.h"
#include "kernels/ops/matrix.h"
#include "kernels/residual.h"

namespace deltascope::kernels {

/// Part of a Backend, on whose stream the work is done in the order of all its calls; pointers are the device's. One thread at
/// a time, but for unitBytes.
class GpuOps {
 public:
  virtual ~GpuOps() = default;
  /// Tables that products with tiles need, from the account. Unsupported: no product reads tiles of this model.
  [[nodiscard]] virtual Outcome<Buffer> makeTileTable(const AnchorRule& rule, const PrefixTable* prefix,
                                                      const FieldTable* fields) = 0;
  /// Forms that products read fastest, with all that they need: `exact`, of a tiled matrix; else of a four-bit one alone. Bytes
  /// that they take, or 0 where there is none for such a matrix.
  [[nodiscard]] virtual std::uint64_t unitBytes(const Matrix& fourBit, bool exact) const = 0;
  /// False: too much of it is exceptional to fit. The matrix's stream is resident, and not needed afterwards.
  [[nodiscard]] virtual Outcome<bool> toBytes(const Matrix& tiled, void* into) = 0;
  [[nodiscard]] virtual Outcome<void> toCodes(const Matrix& fourBit, void* into) = 0;
  /// Rows [firstRow, firstRow + rows) of a resident matrix of any form, as its type. Rows of tiles begin where a tile begins.
  [[nodiscard]] virtual Outcome<void> reconstruct(const Matrix& matrix, std::uint64_t firstRow, std::uint64_t rows,
                                                  void* into) = 0;
  [[nodiscard]] virtual Outcome<std::unique_ptr<Feed>> openFeed(FeedRequest request) = 0;
  /// Decoding of chunks, for weights that no product reads as they are stored.
  [[nodiscard]] virtual Outcome<std::unique_ptr<Decoder>> makeDecoder(const DecoderArgs& args) = 0;
  /// Begins to decode chunks whose outputs and bases do not overlap; a damaged one is Data from Backend::synchronize(), naming
  /// its number. Neighbours of one decoder may be done together: a chunk alone does not fill a GPU.
  [[nodiscard]] virtual Outcome<void> decode(std::span<const DecodeArgs> chunks) = 0;
};

}  // namespace deltascope::kernels
