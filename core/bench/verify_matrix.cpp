// SPDX-License-Identifier: Apache-2.0
#include "core/bench/verify_matrix.h"

#include <algorithm>
#include <numeric>

#include "core/model/failure.h"
#include "core/quant/codebook.h"

namespace deltascope {
namespace {

constexpr std::uint64_t kBlockBytes = std::uint64_t{64} << 20;

Result<Comparison> verifyDense(const BenchmarkPlace& place, const kernels::Matrix& matrix, const FinalWeight& final) {
  const std::uint64_t size = kernels::bytesOf(matrix.type), all = final.bytes.span().size();
  HostBytes block(std::min(kBlockBytes, all));
  Comparison comparison;
  for (std::uint64_t at = 0; at < all; at += kBlockBytes) {
    if (place.stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    const auto part = block.span().first(std::min(kBlockBytes, all - at));
    place.backend().copyOut(part.data(), static_cast<const std::byte*>(matrix.elements) + at, part.size());
    comparison.add(part, final.bytes.span().subspan(at, part.size()), size, at / size);
  }
  DELTASCOPE_TRY(fromBackend(place.backend().synchronize()));
  return comparison;
}

/// A feed brings the whole weight for each use, so that all its rows are looked up at once.
Result<Comparison> verifyRows(const BenchmarkPlace& place, DType dtype, const std::function<kernels::Matrix()>& matrix,
                              const FinalWeight& final) {
  kernels::Backend& backend = place.backend();
  kernels::Matrix table = matrix();
  const std::uint64_t rowBytes = table.columns * sizeof(float), finalRow = table.columns * bytesOf(dtype);
  const std::uint64_t atATime = table.feed ? table.rows : std::clamp<std::uint64_t>(kBlockBytes / rowBytes, 1, table.rows);
  DELTASCOPE_ASSIGN(const auto device, fromBackend(backend.allocate(atATime * rowBytes, "the rows to compare")));
  std::vector<float> got(atATime * table.columns), wanted(got.size());
  std::vector<std::uint32_t> rows(atATime);
  Comparison comparison;
  for (std::uint64_t first = 0; first < table.rows; first += atATime) {
    if (place.stop.stop_requested()) return fail(ErrorCode::Cancelled, "cancelled");
    const std::uint64_t count = std::min(atATime, table.rows - first), elements = count * table.columns;
    std::iota(rows.begin(), rows.end(), static_cast<std::uint32_t>(first));
    DELTASCOPE_TRY(
        fromBackend(backend.gatherRows({table, rows.data(), static_cast<std::uint32_t>(count), device.as<float>()})));
    backend.copyOut(got.data(), device.data(), count * rowBytes);
    DELTASCOPE_TRY(fromBackend(backend.synchronize()));
    toFloat(dtype, final.bytes.span().subspan(first * finalRow, count * finalRow), std::span(wanted).first(elements));
    comparison.add(std::as_bytes(std::span(got).first(elements)), std::as_bytes(std::span(wanted).first(elements)),
                   sizeof(float), first * table.columns);
  }
  return comparison;
}

}  // namespace

Result<Comparison> verifyMatrix(const BenchmarkPlace& place, const TensorOrigin& origin,
                                const std::function<kernels::Matrix()>& matrix, const FinalWeight& final) {
  const kernels::Matrix weight = matrix();
  if (weight.form == kernels::Matrix::Form::Dense && weight.elements) return verifyDense(place, weight, final);
  if (weight.form != kernels::Matrix::Form::Made) return verifyRows(place, origin.dtype, matrix, final);
  HostBytes made(final.bytes.span().size());
  DELTASCOPE_TRY(makeAll(*weight.source, bytesOf(origin.dtype), made.span(), place.team, place.stop));
  Comparison comparison;
  comparison.add(made.span(), final.bytes.span(), bytesOf(origin.dtype), 0);
  return comparison;
}

}  // namespace deltascope
