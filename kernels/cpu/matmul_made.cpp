// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <optional>

#include "kernels/cpu/made.h"

namespace deltascope::kernels {
namespace {

class MadeProduct {
 public:
  MadeProduct(CpuContext& context, const MatmulArgs& args, const MadeScratch& scratch)
      : m_context(context), m_args(args), m_weight(args.weight), m_source(*args.weight.source), m_scratch(scratch) {}

  Outcome<void> run() {
    const auto pieces = static_cast<std::uint32_t>(m_source.pieces());
    m_context.pool.parallelFor(pieces, [this](std::uint32_t piece, unsigned thread) {
      if (m_failure.any()) return;
      if (auto done = multiplyPiece(piece, thread); !done) m_failure.set(std::move(done.error()));
    });
    if (m_failure.any()) return m_failure.outcome();
    m_context.pool.parallelFor(pieces, [this](std::uint32_t piece, unsigned thread) {
      if (const auto row = rowFirstCutBy(piece)) multiply(m_scratch.sideRow(piece - 1), *row, 1, thread);
    });
    return {};
  }

 private:
  /// The row that the beginning of `piece` cuts, unless an earlier piece has cut it already.
  [[nodiscard]] std::optional<std::uint64_t> rowFirstCutBy(std::size_t piece) const {
    const std::uint64_t begin = m_source.pieceBegin(piece);
    if (begin % m_weight.columns == 0) return std::nullopt;
    const std::uint64_t row = begin / m_weight.columns;
    if (m_source.pieceBegin(piece - 1) > row * m_weight.columns) return std::nullopt;
    return row;
  }

  /// Where a row that pieces cut is put together: the slot of the first piece that begins inside it.
  [[nodiscard]] std::byte* sideRow(std::uint64_t row) const {
    std::size_t low = 0, high = m_source.pieces();
    while (low < high) {
      const std::size_t middle = low + (high - low) / 2;
      if (m_source.pieceBegin(middle) > row * m_weight.columns)
        high = middle;
      else
        low = middle + 1;
    }
    return m_scratch.sideRow(low - 1);
  }

  void keep(std::uint64_t first, std::uint64_t count, const std::byte* elements) const {
    const std::uint64_t size = bytesOf(m_weight.type), row = first / m_weight.columns;
    std::memcpy(sideRow(row) + (first - row * m_weight.columns) * size, elements, count * size);
  }

  void multiply(const std::byte* elements, std::uint64_t row, std::uint64_t rows, unsigned thread) const {
    Matrix part;
    part.type = m_weight.type;
    part.rows = rows;
    part.columns = m_weight.columns;
    part.elements = elements;
    m_context.ops.productRows({m_args, part, 0, rows, row}, m_context.scratch[thread]);
  }

  Outcome<void> multiplyPiece(std::size_t piece, unsigned thread) const {
    const std::uint64_t columns = m_weight.columns, size = bytesOf(m_weight.type);
    const std::uint64_t begin = m_source.pieceBegin(piece), end = m_source.pieceBegin(piece + 1);
    // Whole rows of this piece; where there are none, everything belongs to a row that is cut.
    const std::uint64_t firstWhole = std::min(end, (begin + columns - 1) / columns * columns);
    const std::uint64_t endWhole = std::max(firstWhole, end / columns * columns);
    std::byte* const step = m_scratch.step(thread);
    std::uint64_t carried = 0;  // elements before `step`
    for (std::uint64_t first = begin; first < end; first += m_source.step()) {
      const std::uint64_t count = std::min(m_source.step(), end - first), last = first + count;
      if (auto made = m_source.make(piece, first, count, step); !made) return made;
      const auto at = [&](std::uint64_t element) { return step + (element - first) * size; };
      if (first < firstWhole) keep(first, std::min(last, firstWhole) - first, step);
      if (last > endWhole) {
        const std::uint64_t from = std::max(first, endWhole);
        keep(from, last - from, at(from));
      }
      const std::uint64_t from = std::max(first, firstWhole), to = std::min(last, endWhole);
      if (from >= to) continue;
      std::byte* const rows = at(from) - carried * size;
      const std::uint64_t available = carried + (to - from), whole = available / columns;
      if (whole > 0) multiply(rows, (from - carried) / columns, whole, thread);
      carried = available - whole * columns;
      std::memmove(step - carried * size, rows + whole * columns * size, carried * size);
    }
    return {};
  }

  CpuContext& m_context;
  const MatmulArgs& m_args;
  const Matrix& m_weight;
  const ElementSource& m_source;
  const MadeScratch& m_scratch;
  FirstFailure m_failure;
};

}  // namespace

Outcome<void> matmulMade(CpuContext& context, const MatmulArgs& args) {
  const Matrix& weight = args.weight;
  if (auto sound = checkSource(weight); !sound || weight.rows * weight.columns == 0) return sound;
  const std::uint64_t size = bytesOf(weight.type);
  const auto scratch =
      MadeScratch::take(context, largestStep(*weight.source) * size, weight.columns * size, weight.source->pieces());
  if (!scratch) return tl::unexpected(scratch.error());
  return MadeProduct(context, args, *scratch).run();
}

}  // namespace deltascope::kernels
