// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The text of a payload's header: the manifest and its companions in `__metadata__`. FORMAT.md describes it field by field.
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/payload/payload.h"

namespace deltascope {

using ShardLayout = std::vector<std::pair<std::string, std::vector<std::string>>>;

/// What `__metadata__` says. Tensors are in natural order of their names.
struct Manifest {
  std::vector<TensorStats> tensors;
  std::map<std::string, std::string> facts;
  ShardLayout shards;
  std::optional<FinalHeaders> headers;  ///< one for each of `shards`
  std::vector<Companion> companions;    ///< of a plan: path and bytes; the rest comes with writing
  int fileVersion = 0;                  ///< as read; writing takes version()

  /// The least version of the format that says all this.
  [[nodiscard]] int version() const;
};

/// Whether a final of shape `final` can be a delta over a base that has other rows: both have two sides or more, those after
/// the first are equal, none is 0, and there are at most kMostGrowth rows for each of the base's. False for equal shapes.
[[nodiscard]] bool mayGrow(const std::vector<std::uint64_t>& base, const std::vector<std::uint64_t>& final);

/// Where a stream lies, from the start of the data.
struct StreamRange {
  std::string name;
  std::uint64_t begin = 0, end = 0;
};

/// The name of model stream `index`: "deltascope.model.3". No tensor's name may start with "deltascope.".
[[nodiscard]] std::string modelStreamName(std::size_t index);
[[nodiscard]] std::string companionStreamName(std::size_t index);  ///< "deltascope.companion.0"
inline constexpr std::string_view kReservedPrefix = "deltascope.";

/// A stream's entry in the header, with the comma before it.
[[nodiscard]] std::string streamEntry(std::string_view name, std::uint64_t bytes, std::uint64_t begin, std::uint64_t end);

/// The whole JSON header. Its length grows with every number in it, so that the largest possible numbers give an upper bound.
/// InvalidArgument: a name is not UTF-8.
[[nodiscard]] Result<std::string> renderHeader(const Manifest& manifest, std::span<const StreamRange> streams);

/// Reads `__metadata__`. Untrusted: every field is checked but for what only the streams can tell. `path` is for messages.
[[nodiscard]] Result<Manifest> parseManifest(const std::map<std::string, std::string>& metadata,
                                             const std::filesystem::path& path);

}  // namespace deltascope
