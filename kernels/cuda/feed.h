// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The feed of a GPU: threads read parts into page-locked slots, the copy engine takes them to a ring on the device, and events
/// keep either side from overtaking the other.
#include "kernels/cuda/memory.h"
#include "kernels/feed.h"

namespace deltascope::kernels::cuda {

/// `compute` is the stream whose work uses the items. The ring comes from `pool`.
[[nodiscard]] Outcome<std::unique_ptr<Feed>> openFeed(int device, DevicePool& pool, cudaStream_t compute, FeedRequest request);

}  // namespace deltascope::kernels::cuda
