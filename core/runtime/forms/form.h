// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A form is a way to hold a weight: when a device can have it so, what that costs, how it is loaded, and the matrix that
/// products read. One file of this folder each; forms.h says which a device has. What is held is one matrix, of a role in a
/// layer, and knows nothing of the others. Internal to core/runtime.
#include <memory>
#include <optional>
#include <stop_token>

#include "core/runtime/device_source.h"
#include "core/runtime/device_tiles.h"
#include "core/runtime/planner.h"

namespace deltascope {

class WeightStreams;

/// One weight where the plan put it. Used by one pass at a time.
class HeldWeight {
 public:
  virtual ~HeldWeight() = default;
  /// As products read it, and as look-ups of a few rows do; what they point to belongs to this object or to its streams. A
  /// vector is a matrix of one row.
  [[nodiscard]] virtual kernels::Matrix matrix() const = 0;
  [[nodiscard]] virtual kernels::Matrix rows() const { return matrix(); }
  /// A draft of the weight that any pass may read at any time: the base alone, where it is there beside the deltas and has the
  /// final's shape.
  [[nodiscard]] virtual std::optional<kernels::Matrix> base() const { return std::nullopt; }
  /// A weight of which parts come again for each pass adds them. Called once, weight by weight in the order of a pass.
  [[nodiscard]] virtual Result<void> join(WeightStreams&) { return {}; }
  /// Its number in a ring, which is told before each use; empty where it does not come from one.
  [[nodiscard]] virtual std::optional<std::size_t> turn() const { return std::nullopt; }
  /// Whether parts of it come again for each pass.
  [[nodiscard]] virtual bool comesAgain() const { return turn().has_value(); }
  /// Whether it reads the base's files later on, and needs their scales.
  [[nodiscard]] virtual bool readsFiles() const { return false; }
};

/// What costs depend on, beside the weight.
struct FormSite {
  const Variant& variant;
  kernels::Backend& backend;
  const Host* sharing = nullptr;  ///< whose bases are there already and cost nothing again; may be null

  [[nodiscard]] bool holdsBase(const TensorOrigin& origin) const;
};

/// What the weights of one model share, and must not outlive.
struct FormPlace {
  FormPlace(std::shared_ptr<Host> on, std::shared_ptr<Variant> of);
  std::shared_ptr<Host> host;
  std::shared_ptr<Variant> variant;
  // Of a GPU.
  DeviceWork work;
  TileTables tables;
};

struct Form {
  std::string_view name;
  Placement placement;
  /// Empty: the device cannot hold the weight so. Name and placement are filled in by tensorCosts(). From headers alone.
  std::optional<FormCost> (*cost)(const TensorOrigin& origin, const FormSite& site);
  /// Reads the weight, which is one of the place's variant; what is read is checked against its hashes. Called concurrently.
  Result<std::unique_ptr<HeldWeight>> (*load)(const TensorOrigin& origin, FormPlace& place, const std::stop_token& stop);
};

/// What a processor makes of a weight before a product begins: all of one that is transposed.
[[nodiscard]] std::uint64_t atOnceBytes(const TensorOrigin& origin);
/// A weight's type and shape, with nothing in it.
[[nodiscard]] kernels::Matrix emptyMatrix(const TensorOrigin& origin);
/// Of a weight of which rows are looked up and no product is needed.
[[nodiscard]] bool isLookedUp(const TensorOrigin& origin, const Variant& variant);

}  // namespace deltascope
