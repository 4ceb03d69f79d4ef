// SPDX-License-Identifier: Apache-2.0
// A base alone, multiplied as it is stored: codes and scales.
#include "core/runtime/forms/quantized.h"

#include "core/quant/base_format.h"
#include "core/runtime/forms/device_bytes.h"
#include "core/runtime/forms/forms.h"

namespace deltascope {
namespace {

bool takes(const TensorOrigin& origin) {
  return origin.steps.empty() && origin.quantized && formatOf(origin.bottom).multiplies();
}

std::optional<FormCost> costOnHost(const TensorOrigin& origin, const FormSite& site) {
  if (!takes(origin)) return {};
  FormCost cost;
  cost.asStored = true;
  cost.residentBytes = site.holdsBase(origin) ? 0 : residentBaseBytes(origin);
  return cost;
}

std::optional<FormCost> costOnDevice(const TensorOrigin& origin, const FormSite& site) {
  if (!takes(origin) || isPart(origin) || unitBytesOf(origin, site.backend, false) != 0) return {};
  FormCost cost;
  cost.residentBytes = deviceBaseBytes(origin, site);
  cost.stepBytes = deviceStepBytes(origin);
  return cost;
}

class QuantizedWeight final : public HeldWeight {
 public:
  QuantizedWeight(const TensorOrigin& origin, std::shared_ptr<const ResidentBase> base)
      : m_matrix(quantizedMatrix(origin, *base)), m_base(std::move(base)) {}
  kernels::Matrix matrix() const override { return m_matrix; }

 private:
  kernels::Matrix m_matrix;
  std::shared_ptr<const ResidentBase> m_base;
};

Result<std::unique_ptr<HeldWeight>> load(const TensorOrigin& origin, FormPlace& place, const std::stop_token& stop) {
  DELTASCOPE_ASSIGN(auto base, place.host->base(*place.variant->base, origin, stop));
  return std::make_unique<QuantizedWeight>(origin, std::move(base));
}

}  // namespace

kernels::Matrix quantizedMatrix(const TensorOrigin& origin, const ResidentBase& base) {
  kernels::Matrix matrix = emptyMatrix(origin);
  const kernels::Matrix stored = formatOf(base.kind).matrix();
  matrix.form = stored.form;
  matrix.values = stored.values;
  matrix.codes = base.codes.as<std::uint8_t>();
  matrix.scales = base.scales.as<float>();
  matrix.group = base.group;
  if (!isPart(origin)) return matrix;
  const BaseLayout& layout = origin.quantized->layout;
  matrix.skip = layout.columnOf(origin.first) % layout.group;  // of a row that shares its first scale with what lies before it
  const IndexRange first{origin.first - matrix.skip, 0}, begin{base.begin, 0};
  matrix.codes += layout.codesOf(first).first - layout.codesOf(begin).first;
  matrix.scales += layout.scalesOf(first).first - layout.scalesOf(begin).first;
  return matrix;
}

std::optional<kernels::Matrix> baseMatrix(const TensorOrigin& origin, const ResidentBase* base) {
  if (!base || bottomElements(origin) != origin.elements) return std::nullopt;
  if (isQuantized(base->kind) && !formatOf(base->kind).multiplies()) return std::nullopt;
  if (isQuantized(base->kind)) return quantizedMatrix(origin, *base);
  if (base->kind != BaseKind::Same) return std::nullopt;
  kernels::Matrix matrix = emptyMatrix(origin);
  const std::uint64_t before = isPart(origin) ? (origin.first - base->begin) * bytesOf(origin.dtype) : 0;
  matrix.elements = base->codes.as<std::byte>() + before;
  return matrix;
}

const Form forms::quantized{"quantized", Placement::Jit, costOnHost, load};
const Form forms::deviceQuantized{"quantized", Placement::Jit, costOnDevice, load};

}  // namespace deltascope
