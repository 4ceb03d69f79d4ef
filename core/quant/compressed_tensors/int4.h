// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Symmetric INT4 in groups ("W4A16") in the names and layout of compressed-tensors, format "pack-quantized"
/// (github.com/vllm-project/compressed-tensors: compressors/pack_quantized/); goldens from the library in tests/data/quant.
///
/// Of a weight `X.weight` of [rows, columns]: `X.weight_packed` (I32, [rows, columns / 8]: column c in bits 4 (c mod 8) of its
/// word, plus 8), `X.weight_scale` (BF16, F16 or F32, [rows, columns / group]) and `X.weight_shape` (two integers). The value
/// is (code − 8) · scale. Weights with zero points, an order of their own (act-order), other widths, or a group that is no
/// power of two from 32 to 4,096 or does not divide the columns are not claimed: they stay the plain tensors they are.
#include "core/quant/base_format.h"

namespace deltascope {

[[nodiscard]] const BaseFormat& int4Base();

}  // namespace deltascope
