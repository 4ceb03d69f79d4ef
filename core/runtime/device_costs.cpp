// SPDX-License-Identifier: Apache-2.0
#include "core/base/units.h"
#include "core/runtime/device_source.h"
#include "core/runtime/device_tiles.h"
#include "core/runtime/plain_source.h"
#include "core/runtime/weight_store.h"

namespace deltascope {
namespace {

/// What the backend's account rounds every buffer up to.
constexpr std::uint64_t kGrain = 256;
/// A model's table, counted for each tensor though most share one.
constexpr std::uint64_t kTableBytes = 4608;

std::uint64_t held(std::uint64_t bytes) { return roundUp(std::max<std::uint64_t>(bytes, 1), kGrain); }

std::uint64_t baseBytes(const TensorOrigin& origin) {
  if (!origin.quantized) return 0;
  return held(residentCodeBytes(origin)) + held(residentScaleBytes(origin));
}

kernels::Matrix fourBitOf(const TensorOrigin& origin) {
  kernels::Matrix m = formatOf(origin.bottom).matrix();
  m.type = elementType(origin.dtype);
  m.rows = origin.spec.shape[0];
  m.columns = origin.spec.shape[1];
  m.group = origin.quantized->layout.group;
  return m;
}

TensorCost costOf(const Variant& variant, const TensorOrigin& origin, const Host* host, const kernels::Backend& backend) {
  const std::uint64_t size = bytesOf(origin.dtype);
  const auto& shape = origin.spec.shape;
  TensorCost cost;
  cost.name = origin.spec.name;
  cost.finalBytes = origin.elements * size;
  cost.staticBytes = held(cost.finalBytes);
  cost.baseBytes = storedBaseBytes(origin);
  cost.deltaBytes = storedDeltaBytes(origin);
  cost.matrix = isMatrix(origin.spec.role);
  const bool embedding = origin.spec.role == WeightRole::Embedding;
  cost.lookedUp = embedding && !variant.config.tiedEmbeddings;
  cost.rowBytes = shape.back() * size;
  if (!cost.matrix) return cost;
  const bool there = host && variant.base && host->holds(*variant.base, origin);
  const std::uint64_t base = there ? 0 : baseBytes(origin);
  cost.stepBytes = madeBytes(shape[0], shape[1], size);
  if (origin.steps.empty()) {
    if (origin.quantized) {
      const std::uint64_t units = formatOf(origin.bottom).isFourBit() ? backend.unitBytes(fourBitOf(origin), false) : 0;
      cost.jitBytes = units ? held(units) : base;
      cost.asStored = units != 0;
      cost.jitLoadBytes = units ? base : 0;
    } else if (isPlain(origin)) {
      for (const auto& rows : plainFeedRows(origin)) cost.pieceBytes = std::max(cost.pieceBytes, rows.rows * cost.rowBytes);
      cost.streamBytes = 0;
    }
    return cost;
  }
  if (!keepsRows(origin)) return cost;  // made on the host
  if (!hasTiles(origin)) {
    const DeviceShape shapeThere = deviceShape(origin);
    const std::uint64_t values = origin.plain ? held(residentBaseBytes(origin)) : 0;
    cost.stepBytes = origin.elements * size;  // made whole
    cost.jitBytes =
        (there ? 0 : base + values) + held(shapeThere.deltaBytes) + shapeThere.decoderBytes + 2 * shapeThere.workBytes;
    return cost;
  }
  const TileStream stream = tileStream(origin);
  const std::uint64_t offsets = held((ceilDiv(origin.elements, kTileElements) + 1) * sizeof(std::uint32_t));
  const std::uint64_t tables = offsets + kTableBytes;
  cost.jitBytes = base + held(stream.bytes()) + tables;
  cost.streamBytes = cost.lookedUp ? 0 : base + tables;
  cost.pieceBytes = cost.lookedUp ? 0 : stream.largestItem();
  if (const std::uint64_t units = backend.unitBytes(fourBitOf(origin), true); units && formatOf(origin.bottom).expands()) {
    cost.expandedBytes = held(units);
    cost.expandBytes = base + held(stream.bytes()) + tables + cost.stepBytes;
  }
  return cost;
}

}  // namespace

std::vector<TensorCost> deviceCosts(const Variant& variant, const Host* host, const kernels::Backend& backend) {
  std::vector<TensorCost> costs;
  costs.reserve(variant.tensors.size());
  for (const auto& origin : variant.tensors) costs.push_back(costOf(variant, origin, host, backend));
  return costs;
}

}  // namespace deltascope
