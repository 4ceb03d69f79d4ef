// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Codecs and their models in the words of a device's decoder (kernels/decode.h).
#include <memory>

#include "core/codec/codec.h"
#include "kernels/decode.h"

namespace deltascope {

/// Unsupported for finals that are not coded floats, which no device needs, and where the codec has no such deltas.
[[nodiscard]] Result<void> deviceDecodes(CodecId codec, BaseKind base, DType finalType);

/// What a decoder is made from, and what its tables borrow from the model.
class DeviceModel {
 public:
  /// `largest`: elements of the largest chunk. Unsupported as deviceDecodes(); Corrupt or Mismatch where the model is not the
  /// codec's, or was made for another base or type.
  [[nodiscard]] static Result<DeviceModel> create(CodecId codec, BaseKind base, DType finalType, ModelPtr model,
                                                  std::uint64_t largest);
  DeviceModel(DeviceModel&&) noexcept;
  DeviceModel& operator=(DeviceModel&&) noexcept;
  ~DeviceModel();

  /// Valid as long as this object.
  [[nodiscard]] const kernels::DecoderArgs& args() const;

 private:
  struct State;
  explicit DeviceModel(std::unique_ptr<State> state);
  std::unique_ptr<State> m_state;
};

/// The base's kind, type, grouping and values; pointers and range are the caller's to fill in.
[[nodiscard]] kernels::DeviceBase deviceBase(BaseKind kind, DType finalType, std::uint64_t group);

}  // namespace deltascope
