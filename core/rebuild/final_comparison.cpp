// SPDX-License-Identifier: Apache-2.0
#include "core/rebuild/final_comparison.h"

#include <algorithm>
#include <cstring>

#include "core/codec/statistics.h"
#include "core/rebuild/transposed.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kCompareElements = std::uint64_t{1} << 19;  ///< a multiple of kTileElements: whole bytes in every type

}  // namespace

FinalComparison::FinalComparison(Checkpoint final, const std::vector<TensorStats>& tensors)
    : m_final(std::move(final)), m_differences(tensors.size()) {
  for (const auto& tensor : tensors) {
    const TensorInfo* info = m_final.find(tensor.name);
    m_transposed.push_back(tensor.transposed);
    m_infos.push_back(info && info->dtype == tensor.dtype && info->shape == tensor.shapeOfFinal() ? info : nullptr);
  }
}

Result<void> FinalComparison::compare(std::size_t index, std::uint64_t first, std::span<const std::byte> rebuilt) {
  const TensorInfo* info = m_infos[index];
  if (!info || rebuilt.empty()) return {};
  const unsigned bits = bitsOf(info->dtype);
  const std::uint64_t piece = kCompareElements * bits / 8;
  std::vector<std::byte> buffer(std::min<std::uint64_t>(piece, rebuilt.size()));
  for (std::uint64_t begin = 0; begin < rebuilt.size(); begin += buffer.size()) {
    const auto mine = rebuilt.subspan(begin, std::min<std::size_t>(buffer.size(), rebuilt.size() - begin));
    const auto theirs = std::span(buffer).first(mine.size());
    DELTASCOPE_TRY(read(index, first * bits / 8 + begin, theirs));
    if (std::memcmp(mine.data(), theirs.data(), mine.size()) != 0)
      count(index, first + begin * 8 / bits, info->elements, mine, theirs);
  }
  return {};
}

/// As it is rebuilt: of a transposed tensor, the transpose.
Result<void> FinalComparison::read(std::size_t index, std::uint64_t begin, std::span<std::byte> into) const {
  const TensorInfo& info = *m_infos[index];
  if (!m_transposed[index]) return m_final.read(info, begin, into);
  const unsigned size = bytesOf(info.dtype);
  return readTransposed(info.shape, size, begin / size, into,
                        [&](std::uint64_t at, std::span<std::byte> bytes) { return m_final.read(info, at, bytes); });
}

std::string FinalComparison::obstacle(std::size_t index, const TensorStats& tensor) const {
  if (m_infos[index]) return {};
  const TensorInfo* info = m_final.find(tensor.name);
  if (!info) return m_final.path().string() + " has no such tensor";
  return m_final.path().string() + " holds it as " + std::string(nameOf(info->dtype)) + " " + shapeText(info->shape) +
         ", the payload as " + std::string(nameOf(tensor.dtype)) + " " + shapeText(tensor.shapeOfFinal());
}

void FinalComparison::count(std::size_t index, std::uint64_t first, std::uint64_t total, std::span<const std::byte> mine,
                            std::span<const std::byte> theirs) {
  const DType type = m_infos[index]->dtype;
  BaseSlice slice;
  slice.kind = BaseKind::Same;
  slice.finalType = type;
  slice.count = std::min<std::uint64_t>(mine.size() * 8 / bitsOf(type), total - first);
  slice.values = theirs;
  const std::uint64_t differing = slice.count - countZeroDeltas(slice, mine);
  const auto byte = static_cast<std::uint64_t>(std::ranges::mismatch(mine, theirs).in1 - mine.begin());
  const std::uint64_t where = first + byte * 8 / bitsOf(type);
  std::lock_guard lock(m_mutex);
  Difference& difference = m_differences[index];
  difference.count += differing;
  difference.first = std::min(difference.first.value_or(where), where);
}

}  // namespace deltascope
