// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Everything the inner loops use that is no template of theirs: to be included before a translation unit turns to another
/// instruction set, so that no shared inline function is compiled for it.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/cpu/cpu_ops.h"
#include "kernels/cpu/quantize_scalar.h"
#include "kernels/cpu/weights.h"
#include "kernels/half.h"
