// SPDX-License-Identifier: Apache-2.0
#pragma once
/// GpuOps::makeDecoder and GpuOps::decode on a CUDA device: every code over every base, to finals of every type.
#include <memory>

#include "kernels/cuda/context.h"
#include "kernels/decode.h"

namespace deltascope::kernels::cuda {

/// Device memory that a decoder holds: code tables, factors in FP32, and 8 bytes a context and tile for Planes.
[[nodiscard]] std::uint64_t decoderBytes(const DecoderArgs& args);
/// Unsupported: code, base and type do not go together. Waits for nothing; the arguments may go after the call.
[[nodiscard]] Outcome<std::unique_ptr<Decoder>> makeDecoder(DeviceContext& context, const DecoderArgs& args);
/// Launches alone: nothing is allocated on the device, copied from the host or waited for, so that a graph can record it. One
/// stream: a decoder's scratch is shared by its chunks. Neighbours of one decoder go together where the code allows it (all
/// but Planes, LowRank and Additive). What is wrong with a chunk goes to context.error, unless its size alone shows it (Data).
[[nodiscard]] Outcome<void> decode(DeviceContext& context, std::span<const DecodeArgs> chunks);

}  // namespace deltascope::kernels::cuda
