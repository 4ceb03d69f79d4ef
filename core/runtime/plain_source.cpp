// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/plain_source.h"

#include <algorithm>
#include <cstring>

#include "core/base/units.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kStep = 32 * kTileElements;

}  // namespace

bool isPlain(const TensorOrigin& origin) {
  return origin.steps.empty() && origin.plain && origin.plain->dtype == origin.dtype &&
         (isPart(origin) || origin.plain->elements == origin.elements);
}

std::size_t plainPieces(const TensorOrigin& origin) {
  return static_cast<std::size_t>(ceilDiv(origin.elements, kPlainPieceElements));
}

StreamPiece plainPiece(const Checkpoint& checkpoint, const TensorOrigin& origin, std::size_t piece) {
  StreamRead read;
  read.checkpoint = &checkpoint;
  read.info = origin.plain;
  const std::uint64_t first = piece * kPlainPieceElements, size = bytesOf(origin.dtype);
  read.begin = (origin.first + first) * size;
  read.bytes = std::min(kPlainPieceElements, origin.elements - first) * size;
  return {read};
}

std::vector<kernels::FeedRows> plainFeedRows(const TensorOrigin& origin) {
  constexpr std::uint64_t kItemBytes = std::uint64_t{8} << 20;
  const std::uint64_t rows = origin.spec.shape[0], rowBytes = origin.spec.shape[1] * bytesOf(origin.dtype);
  const std::uint64_t most = std::max<std::uint64_t>(1, kItemBytes / std::max<std::uint64_t>(rowBytes, 1));
  std::vector<kernels::FeedRows> items;
  for (std::uint64_t first = 0; first < rows; first += most) {
    kernels::FeedRows item;
    item.firstRow = first;
    item.rows = std::min(most, rows - first);
    items.push_back(item);
  }
  return items;
}

std::uint64_t PlainSource::pieceBegin(std::size_t piece) const {
  return std::min(piece * kPlainPieceElements, m_origin.elements);
}

std::uint64_t PlainSource::step() const { return std::min(kStep, std::max<std::uint64_t>(m_origin.elements, 1)); }

Result<void> PlainSource::read(std::size_t piece, std::uint64_t first, std::span<std::byte> into) const {
  const std::uint64_t size = bytesOf(m_origin.dtype);
  if (!m_ring) return m_checkpoint.read(*m_origin.plain, (m_origin.first + first) * size, into);
  DELTASCOPE_ASSIGN(const auto bytes, m_ring->take(m_ringTensor, piece));
  std::memcpy(into.data(), bytes.data() + (first - pieceBegin(piece)) * size, into.size());
  if (first + into.size() / size == pieceBegin(piece + 1)) m_ring->done(m_ringTensor, piece);
  return {};
}

kernels::Outcome<void> PlainSource::make(std::size_t piece, std::uint64_t first, std::uint64_t count, std::byte* into) const {
  auto made = read(piece, first, {into, static_cast<std::size_t>(count * bytesOf(m_origin.dtype))});
  if (made) return {};
  if (m_ring) m_ring->abandon();
  return tl::make_unexpected(kernels::Failure{kernels::Failure::Kind::Data, made.error().message, made.error().hint});
}

}  // namespace deltascope
