// SPDX-License-Identifier: Apache-2.0
// Base and deltas there, the weight made from them for each use.
#include "core/runtime/delta_source.h"
#include "core/runtime/forms/device_bytes.h"
#include "core/runtime/forms/forms.h"
#include "core/runtime/forms/quantized.h"

namespace deltascope {
namespace {

class MadeWeight final : public HeldWeight {
 public:
  MadeWeight(const TensorOrigin& origin, std::unique_ptr<kernels::ElementSource> source,
             std::shared_ptr<const ResidentBase> base)
      : m_origin(origin), m_matrix(emptyMatrix(origin)), m_source(std::move(source)), m_base(std::move(base)) {
    m_matrix.form = kernels::Matrix::Form::Made;
    m_matrix.source = m_source.get();
  }
  kernels::Matrix matrix() const override { return m_matrix; }
  std::optional<kernels::Matrix> base() const override { return baseMatrix(m_origin, m_base.get()); }

 private:
  const TensorOrigin& m_origin;
  kernels::Matrix m_matrix;
  std::unique_ptr<kernels::ElementSource> m_source;
  std::shared_ptr<const ResidentBase> m_base;
};

std::optional<FormCost> costOnHost(const TensorOrigin& origin, const FormSite& site) {
  if (origin.steps.empty()) return {};
  const PieceShape shape = pieceShape(origin);
  FormCost cost;
  cost.residentBytes = (site.holdsBase(origin) ? 0 : residentBaseBytes(origin)) + shape.deltaBytes;
  cost.stepBytes = shape.step * bytesOf(origin.dtype);
  cost.pieces = shape.pieces.size() - 1;
  cost.atOnceBytes = atOnceBytes(origin);
  cost.workBytes = shape.workBytes;
  return cost;
}

/// Of deltas that no product reads as they are stored. Where rows were added, a processor makes it once.
std::optional<FormCost> costOnDevice(const TensorOrigin& origin, const FormSite& site) {
  if (origin.steps.empty() || !keepsRows(origin) || hasTiles(origin) || formatOf(origin.bottom).needsProcessor()) return {};
  const DeviceShape shape = deviceShape(origin);
  const std::uint64_t values = origin.plain && !site.holdsBase(origin) ? accountedBytes(residentBaseBytes(origin)) : 0;
  FormCost cost;
  cost.residentBytes =
      deviceBaseBytes(origin, site) + values + accountedBytes(shape.deltaBytes) + shape.decoderBytes + 2 * shape.workBytes;
  cost.stepBytes = origin.elements * bytesOf(origin.dtype);  // made whole
  return cost;
}

Result<std::shared_ptr<const ResidentBase>> baseOf(const TensorOrigin& origin, FormPlace& place, const std::stop_token& stop) {
  if (origin.bottom == BaseKind::None) return std::shared_ptr<const ResidentBase>();
  return place.host->base(*place.variant->base, origin, stop);
}

Result<std::unique_ptr<HeldWeight>> loadOnHost(const TensorOrigin& origin, FormPlace& place, const std::stop_token& stop) {
  DeltaPlaces places;
  DELTASCOPE_ASSIGN(auto base, baseOf(origin, place, stop));
  places.base = base;
  DELTASCOPE_ASSIGN(places.deltas, loadDeltas(place.host->backend(), origin, stop));
  DELTASCOPE_ASSIGN(auto source, DeltaSource::create(origin, std::move(places)));
  return std::make_unique<MadeWeight>(origin, std::move(source), std::move(base));
}

Result<std::unique_ptr<HeldWeight>> loadOnDevice(const TensorOrigin& origin, FormPlace& place, const std::stop_token& stop) {
  DeviceWeightPlaces places;
  DELTASCOPE_ASSIGN(auto base, baseOf(origin, place, stop));
  places.base = base;
  const std::lock_guard lock(place.host->copying());
  DELTASCOPE_ASSIGN(places.deltas, loadDeviceDeltas(place.host->backend(), origin, stop));
  DELTASCOPE_ASSIGN(auto source, DeviceSource::create(place.work, origin, std::move(places)));
  return std::make_unique<MadeWeight>(origin, std::move(source), std::move(base));
}

}  // namespace

const Form forms::made{"made", Placement::Jit, costOnHost, loadOnHost};
const Form forms::deviceMade{"made", Placement::Jit, costOnDevice, loadOnDevice};

}  // namespace deltascope
