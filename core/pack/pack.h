// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Packing: a delta of a final over a base, which may be made of it.
/// A job: a request in, a result out, with a stop token and progress. Memory is bounded by a few chunks a thread, whatever the
/// model's size. Outputs appear under their final name only when complete; inputs are never written to.
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/job.h"
#include "core/base/result.h"
#include "core/checkpoint/companions.h"
#include "core/payload/payload.h"
#include "core/quant/quant.h"

namespace deltascope {

enum class PackScope { Linear, All };  ///< what bitsandbytes quantizes, or every matrix, stacks of them too
enum class Prefer { Size, Speed };     ///< auto: the smallest codec, or the fastest within 10 % of it

struct PackRequest {
  std::filesystem::path final;                  ///< checkpoint; may be empty with adapters
  std::filesystem::path base;                   ///< checkpoint; empty when quantizing
  std::vector<std::filesystem::path> adapters;  ///< applied to the base in order
  std::optional<QuantFormat> quantize;
  std::filesystem::path out;  ///< a folder when quantizing, else a file
  PackScope scope = PackScope::Linear;
  bool allowUnquantized = false;  ///< where the scope takes no tensor at all; the base is then a copy of the final
  bool doubleQuant = false;
  unsigned blocksize = 64;
  std::optional<CodecId> codec;  ///< empty: auto
  unsigned chunks = 64;          ///< at most so many a tensor
  Prefer prefer = Prefer::Size;
  CodecOptions codecOptions;
  bool overwrite = false;
  bool verify = false;                       ///< rebuild and compare every tensor before it is done
  std::map<std::string, std::string> facts;  ///< stored for display beside, or in place of, those that pack knows
};

struct PackResult {
  std::filesystem::path out, payload;
  std::uint64_t tensors = 0, elements = 0;
  std::uint64_t finalBytes = 0, baseBytes = 0, payloadBytes = 0;
  double payloadBitsPerWeight = 0, totalBitsPerWeight = 0, sparsity = 0;
  double seconds = 0;
  std::uint64_t peakRssBytes = 0;
  std::vector<std::string> notes;                    ///< what the user should know, one line each; names are printable
  std::uint64_t companions = 0, companionBytes = 0;  ///< the final's files beside its weights, which travel
  std::vector<LeftOut> leftOut;                      ///< those that do not
  bool verified = false;                             ///< every tensor was rebuilt and compared
};
/// Ends by opening what it wrote: headers, directories, models and companions, and the base.
[[nodiscard]] Result<PackResult> pack(const PackRequest& request, const JobContext& job);

/// What pack would give, from samples of every tensor, without writing anything.
struct PackEstimate {
  std::uint64_t tensors = 0, elements = 0, finalBytes = 0, baseBytes = 0;
  std::uint64_t payloadBytes = 0;    ///< of the file: companions too, where it carries them
  std::uint64_t companionBytes = 0;  ///< what of it the companions take
  std::vector<TensorStats> rows;     ///< codec, estimates, estimated storedBytes; hashes empty
  std::vector<std::string> notes;    ///< what the user should know, one line each; names are printable
  std::vector<LeftOut> leftOut;      ///< those that do not
};
[[nodiscard]] Result<PackEstimate> estimatePack(const PackRequest& request, const JobContext& job);

}  // namespace deltascope
