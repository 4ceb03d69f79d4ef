// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A backend's failure as an Error.
#include "core/base/result.h"
#include "kernels/outcome.h"

namespace deltascope {

[[nodiscard]] Error toError(const kernels::Failure& failure);

/// `DELTASCOPE_TRY(fromBackend(backend.matmul(…)));`
template <class T>
[[nodiscard]] Result<T> fromBackend(kernels::Outcome<T>&& outcome) {
  if (!outcome) return tl::make_unexpected(toError(outcome.error()));
  if constexpr (std::is_void_v<T>)
    return {};
  else
    return std::move(*outcome);
}

}  // namespace deltascope
