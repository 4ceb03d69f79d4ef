// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The main pass of pack: every chunk of every tensor is read, quantized where asked, coded, and written in order.
#include "core/pack/hash.h"
#include "core/pack/output.h"

namespace deltascope {

/// Items that may be in work or waiting to be written besides one a thread: what bounds memory.
inline constexpr std::size_t kItemsAhead = 2;

/// Reads the tensors that may equal their base in whole: each is then Yes or No. One whose base exists is then compared, with
/// its hashes; one that is quantized here has its base still to be written.
[[nodiscard]] Result<void> compareWholes(const PackSources& sources, PackPlan& plan, TermsCache& terms, const JobContext& job,
                                         Meter& meter);

/// Codes everything into `output`, which is then ready to commit. Returns the tensors' rows, as the payload has them but for
/// storedBytes.
[[nodiscard]] Result<std::vector<TensorStats>> packTensors(const PackSources& sources, const PackPlan& plan, TermsCache& terms,
                                                           PackOutput& output, const JobContext& job, Meter& meter);

/// One step of the pass. Scales of a tensor come so far before its chunks that they are complete when the first chunk starts.
struct PackItem {
  enum class Kind : std::uint8_t { Nothing, Scales, Chunk } kind = Kind::Nothing;
  std::uint32_t tensor = 0;
  std::uint64_t first = 0;  ///< element; Scales of INT8: row
  std::uint64_t count = 0;
};
/// Which tensors a pass goes over: those that may equal their base, or all that are not settled.
enum class PackPass : std::uint8_t { Compare, Pack };
/// Every item that runs while at most `window` items are started and not yet written finds its tensor's scales complete.
[[nodiscard]] std::vector<PackItem> packItems(const PackSources& sources, const PackPlan& plan, std::size_t window,
                                              PackPass pass);

}  // namespace deltascope
