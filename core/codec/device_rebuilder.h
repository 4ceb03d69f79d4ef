// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Chunks rebuilt on a device from bytes on the host, and brought back: for checks, not for speed.
#include <list>
#include <memory>
#include <vector>

#include "core/codec/device_decoder.h"
#include "kernels/backend.h"
#include "kernels/gpu_ops.h"

namespace deltascope {

/// Device memory: the largest chunk with its base and its final, and the decoders of the last few models. One thread at a time.
class DeviceRebuilder {
 public:
  struct Options {
    /// Puts a band of known bytes before and after the final and looks at it afterwards: a decoder that wrote outside is
    /// Internal.
    bool guarded = false;
  };
  explicit DeviceRebuilder(std::shared_ptr<kernels::Backend> backend) : DeviceRebuilder(std::move(backend), Options()) {}
  DeviceRebuilder(std::shared_ptr<kernels::Backend> backend, Options options)
      : m_backend(std::move(backend)), m_options(options) {}

  /// What codec(id).decode() does, on the device. Finals that are not coded floats are Unsupported: core/codec copies them as
  /// well. Untrusted bytes; `number` names the chunk in messages.
  [[nodiscard]] Result<void> decode(CodecId id, const BaseSlice& base, std::span<const std::byte> chunk, const ModelPtr& model,
                                    std::uint32_t number, std::span<std::byte> final);

 private:
  struct Entry {
    CodecId codec = CodecId::Raw;
    BaseKind base = BaseKind::None;
    DType type = DType::BF16;
    ModelPtr model;
    std::uint64_t largest = 0;
    std::unique_ptr<kernels::Decoder> decoder;
  };
  Result<const kernels::Decoder*> decoderFor(CodecId id, const BaseSlice& base, const ModelPtr& model);
  Result<void> upload(kernels::Buffer& buffer, std::span<const std::byte> bytes);
  Result<void> room(kernels::Buffer& buffer, std::uint64_t bytes);
  Result<void> bringBack(std::span<std::byte> final);

  std::shared_ptr<kernels::Backend> m_backend;
  Options m_options;
  std::list<Entry> m_decoders;  ///< the last used first
  kernels::Buffer m_chunk, m_codes, m_scales, m_final;
  std::vector<std::byte> m_form, m_guarded;
};

}  // namespace deltascope
