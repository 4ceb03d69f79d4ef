// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Bases: the formats in which they hold weights, and quantizing to NF4, FP4 and INT8 in the layout of bitsandbytes
/// (github.com/bitsandbytes-foundation/bitsandbytes: functional.py, backends/, csrc/); goldens from the real library in
/// tests/data/quant.
#include "core/quant/base_format.h"
#include "core/quant/base_hasher.h"
#include "core/quant/bitsandbytes/quantize.h"
#include "core/quant/bitsandbytes/write.h"
