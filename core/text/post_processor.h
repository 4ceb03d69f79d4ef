// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The post-processor of a tokenizer.json, for one text: the ids that stand before and after its own.
#include <cstdint>
#include <vector>

#include "core/text/stage.h"

namespace deltascope::text {

struct PostProcessor {
  std::vector<std::uint32_t> before, after;
};

[[nodiscard]] Result<PostProcessor> readPostProcessor(const Stage& stage);

}  // namespace deltascope::text
