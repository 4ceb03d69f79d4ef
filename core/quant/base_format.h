// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A way in which a base holds its weights: one folder of core/quant, one row of the table in base_format.cpp.
#include <array>
#include <span>

#include "core/quant/base_slice.h"
#include "core/quant/quantized.h"
#include "kernels/decode.h"
#include "kernels/residual.h"

namespace deltascope {

/// Stateless; all members may be called on any thread.
class BaseFormat {
 public:
  virtual ~BaseFormat() = default;
  [[nodiscard]] virtual BaseKind kind() const = 0;
  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual std::string_view library() const { return {}; }  ///< that writes it, for messages
  /// `group`: elements a scale, as its folder reads it from a checkpoint. Groups run on through rows.
  [[nodiscard]] virtual BaseLayout layout(std::uint64_t group) const;

  /// Adds the weights of a checkpoint that are of this format. Promises what findQuantized promises, and
  /// with ScaleReading::Describe never fails.
  [[nodiscard]] virtual Result<void> find(const Checkpoint& checkpoint, ScaleReading reading, QuantizedTensors& into) const;
  /// Once all formats have found theirs: Corrupt for a tensor that only a weight of this format would have.
  [[nodiscard]] virtual Result<void> refuseOrphan(const Checkpoint& checkpoint, const TensorInfo& tensor,
                                                  const QuantizedTensors& found) const;
  /// Codes of elements that the tensor has, as BaseLayout puts them; `into` has layout.codesOf(elements).count bytes.
  [[nodiscard]] virtual Result<void> readCodes(const Checkpoint& checkpoint, const QuantizedTensor& tensor, IndexRange elements,
                                               std::span<std::byte> into) const;

  /// What baseValues() gives: the reference library's order of operations, to the last bit.
  virtual void values(const BaseSlice& slice, std::span<std::byte> into) const = 0;
  /// How the anchors of residual codecs follow, before anything was fitted.
  [[nodiscard]] virtual kernels::AnchorRule anchors(DType finalType) const = 0;
  /// How decoders on a device read it: kind and values; the rest is the caller's to fill in.
  [[nodiscard]] virtual kernels::DeviceBase device() const = 0;
  /// How products read it: form and values; the rest is the caller's to fill in.
  [[nodiscard]] virtual kernels::Matrix matrix() const { return {}; }
  [[nodiscard]] bool isFourBit() const { return device().kind == kernels::DeviceBase::Kind::FourBit; }
  /// Whether no device but a processor rebuilds over it.
  [[nodiscard]] bool needsProcessor() const { return isQuantized(kind()) && device().kind == kernels::DeviceBase::Kind::None; }
  /// Whether products read it as it is stored: matrix() says how.
  [[nodiscard]] virtual bool multiplies() const { return true; }
  /// Whether a GPU may keep base and delta in one form of about a byte a weight (GpuOps::toBytes).
  [[nodiscard]] virtual bool expands() const { return false; }
  /// Whether payloads cover a state besides codes and scales.
  [[nodiscard]] virtual bool hasState() const { return false; }
  /// The least version of payloads that knows it.
  [[nodiscard]] virtual int payloadVersion() const { return 1; }
};

[[nodiscard]] const BaseFormat& formatOf(BaseKind kind);

}  // namespace deltascope
