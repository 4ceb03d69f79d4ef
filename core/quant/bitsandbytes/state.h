// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The JSON that bitsandbytes stores as `quant_state`: what it says, checked.
#include "core/base/hash.h"
#include "core/base/result.h"
#include "core/quant/bitsandbytes/quantize.h"

namespace deltascope {

struct QuantState {
  DType dtype = DType::BF16;
  unsigned blocksize = 0;
  std::vector<std::uint64_t> shape;
  std::uint64_t elements = 0;
  bool nested = false;
  unsigned nestedBlocksize = 0;
  float nestedOffset = 0;
};

/// Untrusted text, of a few hundred bytes. Messages name the field; the caller says where. Unknown fields are ignored.
[[nodiscard]] Result<QuantState> parseQuantState(std::string_view text, QuantFormat format);

/// As QuantizedTensor::state. `nestedMap` is empty without double quantization.
[[nodiscard]] Hash128 hashOfState(std::uint64_t blocksize, std::span<const float> map, std::uint64_t nestedBlocksize,
                                  std::span<const float> nestedMap);

}  // namespace deltascope
