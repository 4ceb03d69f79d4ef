// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "core/base/units.h"
#include "core/runtime/plain_source.h"
#include "core/runtime/weight_store.h"

namespace deltascope {
namespace {

/// Elements of a quantized weight that are dequantized at a time while it is made static.
constexpr std::uint64_t kDequantizeStep = 32 * kTileElements;

TensorCost costOf(const Variant& variant, const TensorOrigin& origin, const Host* host) {
  const std::uint64_t size = bytesOf(origin.dtype);
  TensorCost cost;
  cost.name = origin.spec.name;
  cost.finalBytes = cost.staticBytes = origin.elements * size;
  cost.baseBytes = storedBaseBytes(origin);
  cost.deltaBytes = storedDeltaBytes(origin);
  cost.matrix = isMatrix(origin.spec.role);
  cost.lookedUp = origin.spec.role == WeightRole::Embedding && !variant.config.tiedEmbeddings;
  cost.rowBytes = origin.spec.shape.back() * size;
  const bool held = host && variant.base && host->holds(*variant.base, origin);
  const std::uint64_t baseBytes = held ? 0 : residentBaseBytes(origin);
  if (origin.steps.empty()) {
    if (origin.quantized) {
      cost.loadBytes = kDequantizeStep * (size + 1);
      if (cost.matrix) cost.jitBytes = baseBytes;
      cost.asStored = cost.matrix;
    } else if (isPlain(origin) && cost.matrix && origin.elements > kPlainPieceElements) {
      cost.streamBytes = 0;
      cost.pieces = plainPieces(origin);
      cost.pieceBytes = kPlainPieceElements * size;
      cost.stepBytes = kDequantizeStep * size;
    }
    return cost;
  }
  const PieceShape shape = pieceShape(origin);
  cost.loadBytes = shape.pieceBytes + shape.workBytes + 2 * shape.step * size;
  if (!cost.matrix) return cost;
  cost.jitBytes = baseBytes + shape.deltaBytes;
  cost.streamBytes = baseBytes;
  cost.pieces = shape.pieces.size() - 1;
  cost.pieceBytes = shape.pieceBytes;
  cost.stepBytes = shape.step * size;
  cost.workBytes = shape.workBytes;
  return cost;
}

}  // namespace

std::vector<TensorCost> tensorCosts(const Variant& variant, const Host* host) {
  std::vector<TensorCost> costs;
  costs.reserve(variant.tensors.size());
  for (const auto& origin : variant.tensors) costs.push_back(costOf(variant, origin, host));
  return costs;
}

}  // namespace deltascope
