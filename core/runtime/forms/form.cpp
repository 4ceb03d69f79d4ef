// SPDX-License-Identifier: Apache-2.0
#include "core/runtime/forms/form.h"

namespace deltascope {

bool FormSite::holdsBase(const TensorOrigin& origin) const {
  return sharing && variant.base && sharing->holds(*variant.base, origin);
}

FormPlace::FormPlace(std::shared_ptr<Host> on, std::shared_ptr<Variant> of)
    : host(std::move(on)), variant(std::move(of)), work(host->sharedBackend()) {}

std::uint64_t atOnceBytes(const TensorOrigin& origin) {
  return origin.spec.transposed ? origin.elements * bytesOf(origin.dtype) : 0;
}

kernels::Matrix emptyMatrix(const TensorOrigin& origin) {
  kernels::Matrix matrix;
  matrix.type = elementType(origin.dtype);
  matrix.rows = origin.spec.shape.size() > 1 ? origin.spec.shape[0] : 1;
  matrix.columns = origin.spec.shape.back();
  matrix.transposed = origin.spec.transposed;
  return matrix;
}

bool isLookedUp(const TensorOrigin& origin, const Variant& variant) {
  return origin.spec.role == WeightRole::LayerEmbedding ||
         (origin.spec.role == WeightRole::Embedding && !variant.config.tiedEmbeddings);
}

}  // namespace deltascope
