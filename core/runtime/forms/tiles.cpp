// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/forms/tiles.h"

#include "core/runtime/delta_source.h"
#include "core/runtime/forms/device_bytes.h"
#include "core/runtime/forms/forms.h"

namespace deltascope {
namespace {

std::optional<FormCost> costOnDevice(const TensorOrigin& origin, const FormSite& site) {
  if (!keepsRows(origin) || !hasTiles(origin)) return {};
  FormCost cost;
  cost.residentBytes = deviceBaseBytes(origin, site) + deviceStreamBytes(origin) + deviceTableBytes(origin);
  cost.stepBytes = deviceStepBytes(origin);
  return cost;
}

Result<std::unique_ptr<HeldWeight>> load(const TensorOrigin& origin, FormPlace& place, const std::stop_token& stop) {
  DELTASCOPE_ASSIGN(auto parts, loadTiledParts(origin, place, true, stop));
  return std::make_unique<TiledWeight>(origin, std::move(parts));
}

}  // namespace

kernels::Matrix TiledParts::matrix(const TensorOrigin& origin) const {
  kernels::Matrix matrix = quantizedMatrix(origin, *base);
  matrix.form = kernels::Matrix::Form::Tiled;
  matrix.tiles = tiles.tiles;
  return matrix;
}

Result<TiledParts> loadTiledParts(const TensorOrigin& origin, FormPlace& place, bool keepStream, const std::stop_token& stop) {
  TiledParts parts;
  DELTASCOPE_ASSIGN(parts.base, place.host->base(*place.variant->base, origin, stop));
  const TileStream stream = tileStream(origin);
  DELTASCOPE_ASSIGN(parts.tiles, loadTiles(*place.host, place.tables, origin, stream, keepStream, stop));
  return parts;
}

const Form forms::tiles{"tiles", Placement::Jit, costOnDevice, load};

}  // namespace deltascope
