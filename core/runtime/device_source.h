// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The final weight made in a device's memory from its base and its deltas when an operation asks for it. Internal to
/// core/runtime.
#include <memory>
#include <vector>

#include "core/codec/device_decoders.h"
#include "core/runtime/host.h"

namespace deltascope {

/// What a weight takes on a device, in bytes; what the planner counts. The step of one call, `finalStep`, is memory of the
/// caller.
struct DeviceShape {
  std::vector<std::uint64_t> pieces;  ///< first element of each, and the end: some chunks of the last step, together
  std::uint64_t step = 0;             ///< elements of the largest piece, which is made in one call
  std::uint64_t deltaBytes = 0;       ///< of all chunks, resident (DeviceDeltas)
  /// Of each of the two buffers between steps that all weights share (DeviceWork::reserve); 0 for a single step.
  std::uint64_t workBytes = 0;
  /// At most: code tables, FP32 factors, scratch. Weights that share a model share its decoder.
  std::uint64_t decoderBytes = 0;
};
[[nodiscard]] DeviceShape deviceShape(const TensorOrigin& origin);

/// A weight's chunks in a device's memory, in the form that it decodes: by step, by chunk.
struct DeviceDeltas {
  kernels::Buffer bytes;
  std::vector<std::vector<std::uint64_t>> offsets;  ///< of chunk c of step s
};
/// Reads, checks and uploads them; `deltaBytes` of the account. Host memory: two chunks. Cancelled when `stop` says so.
[[nodiscard]] Result<std::shared_ptr<const DeviceDeltas>> loadDeviceDeltas(kernels::Backend& backend,
                                                                           const TensorOrigin& origin,
                                                                           const std::stop_token& stop);

/// What the sources of one device share: decoders, and the memory between the steps of a stack. Must outlive the sources; one
/// thread at a time.
class DeviceWork {
 public:
  explicit DeviceWork(std::shared_ptr<kernels::Backend> backend) : m_decoders(std::move(backend)) {}
  [[nodiscard]] DeviceDecoders& decoders() { return m_decoders; }
  /// Both buffers of at least so many bytes each; before the first pass, as recorded passes know their addresses.
  [[nodiscard]] Result<void> reserve(std::uint64_t bytes);
  [[nodiscard]] std::byte* between(std::size_t level) const { return m_between[level % 2].as<std::byte>(); }
  [[nodiscard]] std::uint64_t reserved() const { return m_between[0].bytes(); }

 private:
  DeviceDecoders m_decoders;
  kernels::Buffer m_between[2];
};

/// Where a weight's bytes are; all on the device.
struct DeviceWeightPlaces {
  std::shared_ptr<const ResidentBase> base;  ///< null where the weight has no bottom
  std::shared_ptr<const DeviceDeltas> deltas;
};

/// Elements of one weight: every step decoded over the one below it, down to the base. make() writes device memory and begins
/// the work on the backend's stream: damage is what the backend's synchronize() says later. On the thread that calls the
/// backend's operations.
class DeviceSource final : public kernels::ElementSource {
 public:
  /// `origin` (and the variant it belongs to) and `work` must outlive the source. Loads the models of its codecs, and makes
  /// decoders of them; reserves what lies between its steps.
  [[nodiscard]] static Result<std::unique_ptr<DeviceSource>> create(DeviceWork& work, const TensorOrigin& origin,
                                                                    DeviceWeightPlaces places);

  [[nodiscard]] std::size_t pieces() const override { return m_shape.pieces.size() - 1; }
  [[nodiscard]] std::uint64_t pieceBegin(std::size_t piece) const override { return m_shape.pieces[piece]; }
  [[nodiscard]] std::uint64_t step() const override { return m_shape.step; }
  [[nodiscard]] bool onDevice() const override { return true; }
  [[nodiscard]] kernels::Outcome<void> make(std::size_t piece, std::uint64_t first, std::uint64_t count,
                                            std::byte* into) const override;

 private:
  DeviceSource(DeviceWork& work, const TensorOrigin& origin, DeviceWeightPlaces places)
      : m_work(work), m_origin(origin), m_places(std::move(places)) {}
  [[nodiscard]] kernels::DeviceBase bottom() const;
  kernels::Outcome<void> makePiece(std::size_t piece, std::byte* into) const;

  DeviceWork& m_work;
  const TensorOrigin& m_origin;
  DeviceWeightPlaces m_places;
  DeviceShape m_shape;
  std::vector<std::shared_ptr<const kernels::Decoder>> m_decoders;  ///< by step
};

}  // namespace deltascope
