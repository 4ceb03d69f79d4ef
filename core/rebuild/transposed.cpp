// SPDX-License-Identifier: Apache-2.0
#include "core/rebuild/transposed.h"

#include <cstring>

#include "core/base/units.h"

namespace deltascope {
namespace {

/// What one row of the stored matrix has of a range: neighbours there, `rows` apart in the range.
struct Run {
  std::uint64_t at = 0;     ///< element of the stored matrix
  std::uint64_t count = 0;  ///< elements
  std::uint64_t to = 0;     ///< of the first, in the range
};

Run runOf(const std::vector<std::uint64_t>& stored, std::uint64_t row, std::uint64_t first, std::uint64_t count) {
  const std::uint64_t rows = stored[0], end = first + count;
  const std::uint64_t from = first > row ? ceilDiv(first - row, rows) : 0, to = end > row ? ceilDiv(end - row, rows) : 0;
  return {row * stored[1] + from, to - from, from * rows + row - first};
}

}  // namespace

std::vector<std::uint64_t> transposed(const std::vector<std::uint64_t>& shape) { return {shape.rbegin(), shape.rend()}; }

Result<void> readTransposed(const std::vector<std::uint64_t>& stored, std::size_t elementBytes, std::uint64_t first,
                            std::span<std::byte> into, const ReadBytes& read) {
  std::vector<std::byte> line;
  for (std::uint64_t row = 0; row < stored[0]; ++row) {
    const Run run = runOf(stored, row, first, into.size() / elementBytes);
    if (run.count == 0) continue;
    line.resize(run.count * elementBytes);
    DELTASCOPE_TRY(read(run.at * elementBytes, line));
    for (std::uint64_t i = 0; i < run.count; ++i)
      std::memcpy(&into[(run.to + i * stored[0]) * elementBytes], &line[i * elementBytes], elementBytes);
  }
  return {};
}

Result<void> writeTransposed(const std::vector<std::uint64_t>& stored, std::size_t elementBytes, std::uint64_t first,
                             std::span<const std::byte> from, const WriteBytes& write) {
  std::vector<std::byte> line;
  for (std::uint64_t row = 0; row < stored[0]; ++row) {
    const Run run = runOf(stored, row, first, from.size() / elementBytes);
    if (run.count == 0) continue;
    line.resize(run.count * elementBytes);
    for (std::uint64_t i = 0; i < run.count; ++i)
      std::memcpy(&line[i * elementBytes], &from[(run.to + i * stored[0]) * elementBytes], elementBytes);
    DELTASCOPE_TRY(write(run.at * elementBytes, line));
  }
  return {};
}

}  // namespace deltascope
