// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The decoders of one device, by model: what checks and runs share of it.
#include <list>
#include <memory>

#include "core/codec/codec.h"
#include "kernels/backend.h"
#include "kernels/gpu_ops.h"

namespace deltascope {

/// Keeps the decoders that somebody holds, and the last few others. One thread at a time.
class DeviceDecoders {
 public:
  /// Of a device with Backend::gpu().
  explicit DeviceDecoders(std::shared_ptr<kernels::Backend> backend) : m_backend(std::move(backend)) {}
  [[nodiscard]] kernels::Backend& backend() const { return *m_backend; }

  /// For chunks of at most `largest` elements over such a base. The errors of DeviceModel::create and GpuOps::makeDecoder.
  [[nodiscard]] Result<std::shared_ptr<const kernels::Decoder>> get(CodecId codec, BaseKind base, DType finalType,
                                                                    const ModelPtr& model, std::uint64_t largest);
  /// Begins to decode them; what is damaged shows at the backend's synchronize().
  [[nodiscard]] kernels::Outcome<void> decode(std::span<const kernels::DecodeArgs> chunks) {
    return m_backend->gpu()->decode(chunks);
  }

 private:
  struct Entry {
    CodecId codec = CodecId::Raw;
    BaseKind base = BaseKind::None;
    DType type = DType::BF16;
    ModelPtr model;
    std::uint64_t largest = 0;
    std::shared_ptr<const kernels::Decoder> decoder;
  };
  void dropIdle();

  std::shared_ptr<kernels::Backend> m_backend;
  std::list<Entry> m_entries;  ///< the last used first
};

}  // namespace deltascope
