// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The codecs behind codec(), for the registry and for tests that address one directly. Internal to core/codec.
#include "core/codec/codec.h"

namespace deltascope {

[[nodiscard]] const DeltaCodec& identicalCodec();
[[nodiscard]] const DeltaCodec& rawCodec();
[[nodiscard]] const DeltaCodec& sparseCodec();
[[nodiscard]] const DeltaCodec& entropyCodec();
[[nodiscard]] const DeltaCodec& bitpackCodec();
[[nodiscard]] const DeltaCodec& zstdCodec();
[[nodiscard]] const DeltaCodec& lowRankCodec();
[[nodiscard]] const DeltaCodec& additiveCodec();

}  // namespace deltascope
