// SPDX-License-Identifier: Apache-2.0
#include "core/bench/verify_matrix.h"

#include <algorithm>
#include <numeric>

#include "core/base/failure.h"
#include "core/quant/codebook.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kBlockBytes = std::uint64_t{64} << 20;

/// Looks all rows of `table` up, which begins with row `firstRow` of the weight.
Result<void> compareRows(const BenchmarkPlace& place, DType dtype, const kernels::Matrix& table, std::uint64_t firstRow,
                         const FinalWeight& final, Comparison& comparison) {
  kernels::Backend& backend = place.backend();
  const std::uint64_t rowBytes = table.columns * sizeof(float), finalRow = table.columns * bytesOf(dtype);
  const std::uint64_t atATime = std::clamp<std::uint64_t>(kBlockBytes / rowBytes, 1, table.rows);
  DELTASCOPE_ASSIGN(const auto device, fromBackend(backend.allocate(atATime * rowBytes, "the rows to compare")));
  std::vector<float> got(atATime * table.columns), wanted(got.size());
  std::vector<std::uint32_t> rows(atATime);
  for (std::uint64_t first = 0; first < table.rows; first += atATime) {
    if (place.stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    const std::uint64_t count = std::min(atATime, table.rows - first), elements = count * table.columns;
    std::iota(rows.begin(), rows.end(), static_cast<std::uint32_t>(first));
    DELTASCOPE_TRY(
        fromBackend(backend.gatherRows({table, rows.data(), static_cast<std::uint32_t>(count), device.as<float>()})));
    backend.copyOut(got.data(), device.data(), count * rowBytes);
    DELTASCOPE_TRY(fromBackend(backend.synchronize()));
    toFloat(dtype, final.bytes.span().subspan((firstRow + first) * finalRow, count * finalRow),
            std::span(wanted).first(elements));
    comparison.add(std::as_bytes(std::span(got).first(elements)), std::as_bytes(std::span(wanted).first(elements)),
                   sizeof(float), (firstRow + first) * table.columns);
  }
  return {};
}

/// The rows that one item of a feed brings, as a weight of their own.
kernels::Matrix rowsOfItem(kernels::Matrix weight, const kernels::FeedRows& rows, const std::byte* bytes) {
  const std::uint64_t first = rows.firstRow * weight.columns;
  weight.feed = nullptr;
  weight.feedRows = {};
  weight.rows = rows.rows;
  if (weight.form == kernels::Matrix::Form::Dense) {
    weight.elements = bytes;
  } else {
    weight.codes += first / 2;
    weight.scales += first / weight.group;
    weight.tiles.offsets += first / kernels::kTile;
    weight.tiles.stream = bytes - rows.offset;
  }
  return weight;
}

Result<void> compareFed(const BenchmarkPlace& place, DType dtype, const kernels::Matrix& weight, const FinalWeight& final,
                        Comparison& comparison) {
  for (const kernels::FeedRows& rows : weight.feedRows) {
    DELTASCOPE_ASSIGN(const std::byte* const bytes, fromBackend(weight.feed->acquire(rows.item)));
    auto compared = compareRows(place, dtype, rowsOfItem(weight, rows, bytes), rows.firstRow, final, comparison);
    weight.feed->release(rows.item);
    if (!compared) return compared;
  }
  return {};
}

Result<void> compareMade(const BenchmarkPlace& place, const kernels::ElementSource& source, std::uint64_t size,
                         const FinalWeight& final, Comparison& comparison) {
  if (source.onDevice()) {
    DELTASCOPE_ASSIGN(const auto made,
                      fromBackend(place.backend().allocate(final.bytes.span().size(), "the weight to compare")));
    DELTASCOPE_TRY(makeOnDevice(source, size, made.as<std::byte>(), place.stop));
    return compareDense(place, made.data(), size, final, comparison);
  }
  HostBytes made(final.bytes.span().size());
  DELTASCOPE_TRY(makeAll(source, size, made.span(), place.team, place.stop));
  comparison.add(made.span(), final.bytes.span(), size, 0);
  return {};
}

}  // namespace

Result<void> compareDense(const BenchmarkPlace& place, const void* elements, std::uint64_t size, const FinalWeight& final,
                          Comparison& comparison) {
  const std::uint64_t all = final.bytes.span().size();
  HostBytes block(std::min(kBlockBytes, all));
  for (std::uint64_t at = 0; at < all; at += kBlockBytes) {
    if (place.stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    const auto part = block.span().first(std::min(kBlockBytes, all - at));
    place.backend().copyOut(part.data(), static_cast<const std::byte*>(elements) + at, part.size());
    comparison.add(part, final.bytes.span().subspan(at, part.size()), size, at / size);
  }
  return fromBackend(place.backend().synchronize());
}

Result<Comparison> verifyMatrix(const BenchmarkPlace& place, const TensorOrigin& origin, const kernels::Matrix& weight,
                                const FinalWeight& final) {
  const std::uint64_t size = bytesOf(origin.dtype);
  Comparison comparison;
  if (weight.form == kernels::Matrix::Form::Made)
    DELTASCOPE_TRY(compareMade(place, *weight.source, size, final, comparison));
  else if (weight.feed)
    DELTASCOPE_TRY(compareFed(place, origin.dtype, weight, final, comparison));
  else if (weight.form == kernels::Matrix::Form::Dense)
    DELTASCOPE_TRY(compareDense(place, weight.elements, size, final, comparison));
  else
    DELTASCOPE_TRY(compareRows(place, origin.dtype, weight, 0, final, comparison));
  return comparison;
}

}  // namespace deltascope
