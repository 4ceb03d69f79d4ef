// SPDX-License-Identifier: Apache-2.0
// A config.json: what is accepted names weights of sizes that can be counted.
#include <cmath>

#include "core/base/units.h"
#include "core/checkpoint/json.h"
#include "core/model/config.h"
#include "core/model/weights.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace deltascope;
  const auto json = parseJson({reinterpret_cast<const char*>(data), size}, "config.json");
  if (!json) return 0;
  const auto config = parseModelConfig(*json, "config.json");
  if (!config) {
    fuzz::require(!config.error().message.empty() && config.error().code != ErrorCode::Internal);
    return 0;
  }
  for (const auto& rope : config->ropes)
    for (const float frequency : ropeFrequencies(rope, 64)) fuzz::require(std::isfinite(frequency));
  std::uint64_t experts = 0;
  for (const auto& layer : config->layers) experts += layer.feedForward.experts;
  if (config->layers.size() > 256 || experts > 4096) return 0;  // a list of names a layer, and an expert
  for (const auto& weight : weightsOf(*config)) {
    std::uint64_t elements = 1;
    for (const auto side : weight.shape) {
      const auto product = checkedMul(elements, side);
      fuzz::require(product.has_value());
      elements = *product;
    }
  }
  return 0;
}
