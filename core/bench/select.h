// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Which tensors a run measures. Internal to core/bench.
#include "core/bench/bench.h"
#include "core/runtime/variant.h"

namespace deltascope {

/// Indices into variant.tensors, in the order of a forward pass. Biases, which their products add, go to `skipped`. NotFound:
/// no name matches.
[[nodiscard]] Result<std::vector<std::size_t>> chooseTensors(const Variant& variant, const std::string& glob,
                                                             std::vector<BenchmarkSkip>& skipped);
/// The tensor alone, over the same files.
[[nodiscard]] std::shared_ptr<Variant> onlyTensor(const Variant& variant, std::size_t index);

/// How a weight is used alone.
enum class BenchmarkUse : std::uint8_t { Product, Norm };
[[nodiscard]] BenchmarkUse useOf(WeightRole role);

}  // namespace deltascope
