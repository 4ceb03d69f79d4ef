// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Codes of four or eight bits, with scales (and zeros) in a tensor of their own: FP8, INT8 and INT4 as compressed-tensors and
/// transformers store them. The value is (code − zero) · scale in FP32, rounded once; goldens in tests/data/quant/scaled.
///
/// Of a matrix `X.weight` of [rows, columns], or a stack of them:
/// - fp8: `X.weight` (F8_E4M3) and `X.weight_scale` or `X.weight_scale_inv`, which is multiplied just so
///   (github.com/vllm-project/compressed-tensors: "float-quantized", "naive-quantized"; transformers: quant_method "fp8").
/// - w8, w4: `X.weight` (I8, "int-quantized") or `X.weight_packed` (I32, "pack-quantized": column c in bits b (c mod 32/b) of
///   its row's word, plus 2^(b−1)) with `X.weight_shape`; `X.weight_scale`; and where they are not symmetric
///   `X.weight_zero_point`, of packed codes packed alike, down the rows. What int4 claims is int4's.
///
/// Scales are a grid over the matrix: one, one a row, or one a block of rows and columns, of which the last may be cut. How
/// large a block is follows from config.json (`weight_block_size`, `block_structure`, `group_size`) or, where that does not
/// say, is 128 where that fits, else what divides the sides. In memory there is a scale for each row and block of columns.
#include <span>

#include "core/quant/base_format.h"

namespace deltascope {

/// Fp8, W8 and W4, in the order of their kinds.
[[nodiscard]] std::span<const BaseFormat* const> scaledBases();

}  // namespace deltascope
