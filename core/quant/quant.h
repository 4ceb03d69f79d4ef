// SPDX-License-Identifier: Apache-2.0
#pragma once
/// NF4, FP4 and INT8 in the layout of bitsandbytes (github.com/bitsandbytes-foundation/bitsandbytes: functional.py, backends/,
/// csrc/), both directions; goldens from the real library in tests/data/quant.
#include "core/quant/bitsandbytes.h"
#include "core/quant/codebook.h"
#include "core/quant/quantize.h"
