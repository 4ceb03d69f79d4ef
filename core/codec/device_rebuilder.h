// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Chunks rebuilt on a device from bytes on the host, and brought back: for checks, which hash them.
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "core/codec/device_decoders.h"

namespace deltascope {

/// Device memory: chunks with bases and finals of the calls that come together, or one, and decoders of the last few models.
/// Threads: any, concurrently; what is asked for while the device is busy is decoded together next, since a chunk alone does
/// not fill it.
class DeviceRebuilder {
 public:
  struct Options {
    /// Puts a band of known bytes before and after the final and looks at it afterwards: a decoder that wrote outside is
    /// Internal.
    bool guarded = false;
  };
  explicit DeviceRebuilder(std::shared_ptr<kernels::Backend> backend) : DeviceRebuilder(std::move(backend), Options()) {}
  /// The backend is used by nobody else meanwhile.
  DeviceRebuilder(std::shared_ptr<kernels::Backend> backend, Options options)
      : m_decoders(std::move(backend)), m_options(options) {}

  /// What codec(id).decode() does, on the device. Finals that are not coded floats are Unsupported: core/codec copies them as
  /// well. Untrusted bytes: what damages one chunk is no error of those decoded with it. `number` names the chunk in messages.
  [[nodiscard]] Result<void> decode(CodecId id, const BaseSlice& base, std::span<const std::byte> chunk, const ModelPtr& model,
                                    std::uint32_t number, std::span<std::byte> final);

 private:
  /// One call, and what it waits for.
  struct Call {
    CodecId codec = CodecId::Raw;
    const BaseSlice& base;
    std::span<const std::byte> form;  ///< of the chunk, as devices read it
    const ModelPtr& model;
    std::uint32_t number = 0;
    std::span<std::byte> final;
    Result<void> outcome{};
    bool done = false;
  };
  /// Device memory of a call in a batch; kept for the next.
  struct Slot {
    kernels::Buffer chunk, codes, scales, final;
    std::vector<std::byte> guarded;
    std::shared_ptr<const kernels::Decoder> decoder;
  };
  void waitFor(Call& call);
  [[nodiscard]] std::vector<Call*> nextBatch();
  void run(std::span<Call* const> calls);
  void runTogether(std::span<Call* const> calls);
  Result<kernels::DecodeArgs> bring(const Call& call, Slot& slot);
  void fetch(const Call& call, Slot& slot);
  Result<void> take(const Call& call, const Slot& slot) const;
  Result<void> upload(kernels::Buffer& buffer, std::span<const std::byte> bytes);
  Result<void> room(kernels::Buffer& buffer, std::uint64_t bytes);
  [[nodiscard]] kernels::Backend& backend() const { return m_decoders.backend(); }

  std::mutex m_mutex;  ///< guards the next three
  std::condition_variable m_changed;
  std::vector<Call*> m_waiting;
  bool m_busy = false;  ///< one of the callers works for all: the rest is its own
  DeviceDecoders m_decoders;
  Options m_options;
  std::vector<Slot> m_slots;
};

}  // namespace deltascope
