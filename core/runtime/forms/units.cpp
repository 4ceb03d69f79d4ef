// SPDX-License-Identifier: Apache-2.0
// Units: what a GPU's products read fastest, made from tiles over a base, or from the base alone, of which nothing is kept.
#include "core/runtime/delta_source.h"
#include "core/runtime/forms/device_bytes.h"
#include "core/runtime/forms/forms.h"
#include "core/runtime/forms/tiles.h"
#include "kernels/gpu_ops.h"

namespace deltascope {
namespace {

std::optional<FormCost> costOfBase(const TensorOrigin& origin, const FormSite& site) {
  const std::uint64_t units = isPart(origin) ? 0 : unitBytesOf(origin, site.backend, false);
  if (units == 0) return {};
  FormCost cost;
  cost.asStored = true;
  cost.residentBytes = accountedBytes(units);
  cost.loadBytes = deviceBaseBytes(origin, site);
  cost.stepBytes = deviceStepBytes(origin);
  return cost;
}

std::optional<FormCost> costOnDevice(const TensorOrigin& origin, const FormSite& site) {
  if (origin.steps.empty()) return costOfBase(origin, site);
  if (!keepsRows(origin) || !hasTiles(origin) || !formatOf(origin.bottom).expands()) return {};
  const std::uint64_t units = unitBytesOf(origin, site.backend, true);
  if (units == 0) return {};
  FormCost cost;
  cost.expanded = true;
  cost.residentBytes = accountedBytes(units);
  cost.stepBytes = deviceStepBytes(origin);
  cost.loadBytes = deviceBaseBytes(origin, site) + deviceStreamBytes(origin) + deviceTableBytes(origin) + cost.stepBytes;
  return cost;
}

class UnitsWeight final : public HeldWeight {
 public:
  /// Of `made` it keeps what units still need.
  UnitsWeight(const TensorOrigin& origin, kernels::Buffer units, kernels::Tiles::Code code, TiledParts made)
      : m_units(std::move(units)), m_table(std::move(made.tiles.table)), m_matrix(emptyMatrix(origin)) {
    m_matrix.form = kernels::Matrix::Form::Tiled;
    m_matrix.values = formatOf(made.base->kind).matrix().values;
    m_matrix.tiles = made.tiles.tiles;
    m_matrix.tiles.code = code;
    m_matrix.tiles.stream = m_units.as<std::byte>();
    m_matrix.tiles.offsets = nullptr;
  }
  kernels::Matrix matrix() const override { return m_matrix; }
  /// The exact record: a product that only proposes reads no more of it than the base.
  std::optional<kernels::Matrix> base() const override {
    if (m_matrix.tiles.code != kernels::Tiles::Code::Bytes) return std::nullopt;
    return m_matrix;
  }

 private:
  kernels::Buffer m_units;
  std::shared_ptr<const kernels::Buffer> m_table;
  kernels::Matrix m_matrix;
};

Result<std::unique_ptr<HeldWeight>> load(const TensorOrigin& origin, FormPlace& place, const std::stop_token& stop) {
  kernels::Backend& backend = place.host->backend();
  kernels::GpuOps& gpu = *backend.gpu();
  const bool exact = !origin.steps.empty();
  TiledParts parts;
  if (exact) {
    DELTASCOPE_ASSIGN(parts, loadTiledParts(origin, place, true, stop));
  } else {
    DELTASCOPE_ASSIGN(parts.base, place.host->base(*place.variant->base, origin, stop));
  }
  const kernels::Matrix stored = exact ? parts.matrix(origin) : quantizedMatrix(origin, *parts.base);
  const std::uint64_t bytes = gpu.unitBytes(stored, exact);
  const std::lock_guard lock(place.host->copying());
  DELTASCOPE_ASSIGN(auto units, fromBackend(backend.allocate(bytes, origin.spec.name)));
  if (!exact) {
    DELTASCOPE_TRY(fromBackend(gpu.toCodes(stored, units.data())));
    return std::make_unique<UnitsWeight>(origin, std::move(units), kernels::Tiles::Code::Codes, std::move(parts));
  }
  DELTASCOPE_ASSIGN(const bool fits, fromBackend(gpu.toBytes(stored, units.data())));
  // Too many exceptions: it stays as it is stored, which takes less.
  if (!fits) return std::make_unique<TiledWeight>(origin, std::move(parts));
  return std::make_unique<UnitsWeight>(origin, std::move(units), kernels::Tiles::Code::Bytes, std::move(parts));
}

}  // namespace

const Form forms::units{"units", Placement::Jit, costOnDevice, load};

}  // namespace deltascope
