// SPDX-License-Identifier: Apache-2.0
#include "app/cli/tensor_rows.h"

#include <fmt/format.h>

#include "core/base/number.h"
#include "core/checkpoint/matrices.h"

namespace deltascope::cli {

Json tensorJson(const TensorStats& t) {
  Json json{{"name", t.name},
            {"shape", t.shapeOfFinal()},
            {"dtype", nameOf(t.dtype)},
            {"elements", t.elements},
            {"codec", nameOf(t.codec)},
            {"base_bytes", t.baseBytes},
            {"stored_bytes", t.storedBytes},
            {"bits_per_weight", rounded(t.bitsPerWeight())},
            {"ratio", rounded(t.ratio())},
            {"final_bytes", t.finalBytes},
            {"base", nameOf(t.base)}};
  if (const auto matrices = matricesOf(t.name, t.shape); matrices && t.shape.size() > 2) json["matrices"] = matrices->count;
  return json;
}

std::string thousandths(double value) { return fmt::format("{:.3f}", value); }

std::string ratioCell(double ratio, std::uint64_t stored) { return stored ? thousandths(ratio) : "–"; }

}  // namespace deltascope::cli
