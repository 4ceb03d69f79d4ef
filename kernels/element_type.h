// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The float types of weights, one enumeration for matrices, quantization and residual tiles.
#include <cstddef>
#include <cstdint>

namespace deltascope::kernels {

enum class ElementType : std::uint8_t { F32, BF16, F16 };
[[nodiscard]] constexpr std::size_t bytesOf(ElementType type) { return type == ElementType::F32 ? 4 : 2; }

}  // namespace deltascope::kernels
