// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/forms/forms.h"

#include "core/base/failure.h"

namespace deltascope {
namespace {

constexpr const Form* kProcessor[] = {&forms::dense, &forms::quantized, &forms::made, &forms::streamed};
constexpr const Form* kGpu[] = {&forms::deviceDense, &forms::deviceQuantized, &forms::units,
                                &forms::tiles,       &forms::deviceMade,      &forms::deviceStreamed};

/// The base's scales, which are read first and copied.
std::uint64_t scaleBytes(const Variant& variant) {
  std::uint64_t bytes = 0;
  if (variant.base)
    for (const auto& [name, tensor] : variant.base->quantized().weights)
      bytes += tensor.layout.scalesOf({0, tensor.elements}).count * sizeof(float);
  return bytes;
}
std::uint64_t nothing(const Variant&) { return 0; }  // of the device's memory

constexpr DeviceForms kProcessorForms{kProcessor, forms::made, nullptr, scaleBytes, 0, 1e10};
constexpr DeviceForms kGpuForms{kGpu, forms::deviceMade, feedBytes, nothing, kUsefulMadeBytes, 1e13};

TensorCost costOf(const TensorOrigin& origin, const FormSite& site, std::span<const Form* const> forms) {
  TensorCost cost;
  cost.name = origin.spec.label();
  cost.finalBytes = origin.elements * bytesOf(origin.dtype);
  cost.baseBytes = storedBaseBytes(origin);
  cost.deltaBytes = storedDeltaBytes(origin);
  cost.matrix = isMatrix(origin.spec.role);
  cost.lookedUp = isLookedUp(origin, site.variant);
  cost.rowBytes = origin.spec.shape.back() * bytesOf(origin.dtype);
  for (const Form* form : forms) {
    if (!cost.matrix && form->placement != Placement::Static) continue;
    auto one = form->cost(origin, site);
    if (!one) continue;
    one->form = form->name;
    one->placement = form->placement;
    cost.forms.push_back(*one);
  }
  return cost;
}

}  // namespace

Result<const Form*> DeviceForms::named(std::string_view name) const {
  for (const Form* form : forms)
    if (form->name == name) return form;
  return fail(ErrorCode::Internal, "there is no form " + std::string(name));
}

const DeviceForms& formsOf(kernels::Backend& backend) { return backend.gpu() ? kGpuForms : kProcessorForms; }

std::vector<TensorCost> tensorCosts(const Variant& variant, kernels::Backend& backend, const Host* sharing) {
  const FormSite site{variant, backend, sharing};
  std::vector<TensorCost> costs;
  costs.reserve(variant.tensors.size());
  for (const auto& origin : variant.tensors) costs.push_back(costOf(origin, site, formsOf(backend).forms));
  return costs;
}

PlanRequest planRequest(const Variant& variant, kernels::Backend& backend, const Host* sharing) {
  const DeviceForms& device = formsOf(backend);
  PlanRequest request;
  request.tensors = tensorCosts(variant, backend, sharing);
  request.device = backend.device().id;
  request.heldBytes = backend.memory().use().current;
  request.loadFixedBytes = device.loadFixedBytes(variant);
  request.usefulScratchBytes = device.usefulScratchBytes;
  if (device.streamBytes) request.streamBytes = device.streamBytes;
  request.scratchBytes = [&backend](std::uint64_t step, std::uint64_t row, std::size_t pieces) {
    return backend.scratchBytes(step, row, pieces);
  };
  return request;
}

}  // namespace deltascope
