// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "kernels/cpu/made.h"
#include "kernels/cpu/weights.h"

namespace deltascope::kernels {
namespace {

class MadeRows {
 public:
  MadeRows(CpuContext& context, const GatherRowsArgs& args, const MadeScratch& scratch)
      : m_context(context), m_args(args), m_source(*args.table.source), m_scratch(scratch), m_order(args.count) {
    std::iota(m_order.begin(), m_order.end(), 0u);
    std::sort(m_order.begin(), m_order.end(), [&](std::uint32_t a, std::uint32_t b) { return args.rows[a] < args.rows[b]; });
  }

  Outcome<void> run() {
    m_context.pool.parallelFor(static_cast<std::uint32_t>(m_source.pieces()), [this](std::uint32_t piece, unsigned thread) {
      if (m_failure.any()) return;
      if (auto done = takeFrom(piece, thread); !done) m_failure.set(std::move(done.error()));
    });
    return m_failure.outcome();
  }

 private:
  /// The first of m_order whose row ends behind `element`.
  [[nodiscard]] auto firstAfter(std::uint64_t element) const {
    return std::partition_point(m_order.begin(), m_order.end(), [&](std::uint32_t i) {
      return (m_args.rows[i] + std::uint64_t{1}) * m_args.table.columns <= element;
    });
  }

  Outcome<void> takeFrom(std::size_t piece, unsigned thread) const {
    const std::uint64_t columns = m_args.table.columns, size = bytesOf(m_args.table.type), step = m_source.step();
    const std::uint64_t begin = m_source.pieceBegin(piece), end = m_source.pieceBegin(piece + 1);
    for (std::uint64_t first = begin; first < end;) {
      auto next = firstAfter(first);
      if (next == m_order.end()) break;
      const std::uint64_t wanted = std::max(first, m_args.rows[*next] * columns);
      if (wanted >= end) break;
      first = begin + (wanted - begin) / step * step;
      const std::uint64_t count = std::min(step, end - first);
      std::byte* const made = m_scratch.step(thread);
      if (auto done = m_source.make(piece, first, count, made); !done) return done;
      for (; next != m_order.end() && m_args.rows[*next] * columns < first + count; ++next) {
        const std::uint64_t row = m_args.rows[*next] * columns;
        const std::uint64_t from = std::max(first, row), to = std::min(first + count, row + columns);
        quantizeOps(m_context.ops.isa)
            .toFloat(m_args.table.type, made + (from - first) * size, to - from, m_args.into + *next * columns + (from - row));
      }
      first += count;
    }
    return {};
  }

  CpuContext& m_context;
  const GatherRowsArgs& m_args;
  const ElementSource& m_source;
  const MadeScratch& m_scratch;
  std::vector<std::uint32_t> m_order;  ///< places in `rows`, by row
  FirstFailure m_failure;
};

}  // namespace

Outcome<void> gatherRows(CpuContext& context, const GatherRowsArgs& args) {
  const Matrix& table = args.table;
  if (table.form == Matrix::Form::Made) {
    if (auto sound = checkSource(table); !sound || args.count == 0) return sound;
    const auto scratch = MadeScratch::take(context, largestStep(*table.source) * bytesOf(table.type), 0, 0);
    if (!scratch) return tl::unexpected(scratch.error());
    return MadeRows(context, args, *scratch).run();
  }
  const auto atATime = itemsAtATime(args.count, table.columns, context.pool.threads());
  parallelRuns(context.pool, args.count, atATime, [&](std::uint64_t begin, std::uint64_t end, unsigned) {
    for (auto i = begin; i < end; ++i)
      elementsToFloat(table, args.rows[i] * table.columns, table.columns, args.into + i * table.columns, context.ops.isa);
  });
  return {};
}

}  // namespace deltascope::kernels
