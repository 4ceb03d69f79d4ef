// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A weight as the products see it: there in full, quantized, or made when it is needed.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/element_type.h"
#include "kernels/feed.h"
#include "kernels/outcome.h"

namespace deltascope::kernels {

/// Elements of a matrix that exist only while they are used: base and delta on the processor. Implemented above this layer.
class ElementSource {
 public:
  virtual ~ElementSource() = default;
  /// The matrix, row-major, cut into pieces that can be made alone: `pieces()` of them, piece p begins at element
  /// pieceBegin(p), and pieceBegin(pieces()) is the number of elements.
  [[nodiscard]] virtual std::size_t pieces() const = 0;
  [[nodiscard]] virtual std::uint64_t pieceBegin(std::size_t piece) const = 0;
  /// Whether make() writes memory of the device, in the order of its operations, and not of the host.
  [[nodiscard]] virtual bool onDevice() const { return false; }
  /// Elements of a piece that one call of make() gives, but for the piece's last.
  [[nodiscard]] virtual std::uint64_t step() const = 0;
  /// Makes elements [first, first + count) of a piece, as the matrix's type; `first` − pieceBegin(piece) is a multiple of
  /// step() and `count` is step() or what is left of the piece. Called concurrently for different pieces; for one piece in
  /// ascending order, by one thread; pieces are begun in ascending order. `into` is aligned to 64 bytes.
  [[nodiscard]] virtual Outcome<void> make(std::size_t piece, std::uint64_t first, std::uint64_t count,
                                           std::byte* into) const = 0;
};

/// Calls `step(first, count)` for what each make() of a piece gives, in order, until one fails.
template <class Step>
auto eachStep(const ElementSource& source, std::size_t piece, Step&& step) -> decltype(step(std::uint64_t{}, std::uint64_t{})) {
  const std::uint64_t end = source.pieceBegin(piece + 1);
  for (std::uint64_t first = source.pieceBegin(piece); first < end; first += source.step()) {
    if (auto done = step(first, std::min(source.step(), end - first)); !done) return done;
  }
  return {};
}

/// A residual delta as a GPU's products read it; pointers are the device's.
struct Tiles {
  enum class Code : std::uint8_t {
    Fields,  ///< `bitpack` tiles
    Prefix,  ///< `entropy` tiles
    Bytes,   ///< what GpuOps::toBytes makes of either: base and delta in `stream`, nothing else
    Codes,   ///< what GpuOps::toCodes makes of the base alone; `values` as FourBit
  };
  Code code = Code::Fields;
  const std::byte* stream = nullptr;        ///< null: comes with the matrix's feed
  const std::uint32_t* offsets = nullptr;   ///< [tiles + 1]: where each tile begins, in 16 bytes; bit 31: it is raw
  const void* table = nullptr;              ///< as GpuOps::makeTileTable made it
  std::uint32_t largest = 0;                ///< bytes of the largest tile
  std::array<std::uint16_t, 16> factors{};  ///< of the anchors: AnchorRule::lo
};

/// Rows of a matrix that come as one item of a feed.
struct FeedRows {
  std::size_t item = 0;
  std::uint64_t firstRow = 0, rows = 0;
  std::uint64_t offset = 0;  ///< of the item's first byte in the stream of all tiles
};

/// [rows, columns] row-major; pointers are the device's, borrowed.
struct Matrix {
  enum class Form : std::uint8_t {
    Dense,    ///< `elements`
    FourBit,  ///< `codes` and `scales`: element = round(values[code] · scales[i / group]) to `type`
    Int8,     ///< `codes` and `scales`: element = round((q · scales[row]) · FP32(1/127)) to `type`
    Made,     ///< `source`
    Tiled,    ///< a GPU: `codes` and `scales` as FourBit, and `tiles` over them
  };
  Form form = Form::Dense;
  bool transposed = false;               ///< products are with the transpose, [columns, rows]. A GPU: false
  ElementType type = ElementType::BF16;  ///< of the elements
  std::uint64_t rows = 0, columns = 0;
  const void* elements = nullptr;
  const std::uint8_t* codes = nullptr;  ///< FourBit: even element in the high nibble, row-major over the whole matrix
  const float* scales = nullptr;
  std::uint64_t group = 64;       ///< FourBit: elements a scale (a power of two, 32…4096), over the whole matrix
  std::uint64_t skip = 0;         ///< FourBit: elements of codes and scales before the first, less than a group. A GPU: 0
  const float* values = nullptr;  ///< FourBit: the sixteen values
  const ElementSource* source = nullptr;
  Tiles tiles;
  Feed* feed = nullptr;                  ///< a GPU: brings `elements`, or the tiles' stream
  std::span<const FeedRows> feedRows{};  ///< all rows, in order; each begins where a tile begins
};

}  // namespace deltascope::kernels
