// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A four-bit base with its delta's tiles over it, as a GPU's products read both. Internal to core/runtime/forms.
#include "core/runtime/forms/quantized.h"

namespace deltascope {

/// Base and tiles of one weight.
struct TiledParts {
  std::shared_ptr<const ResidentBase> base;
  DeviceTiles tiles;

  /// Points into these.
  [[nodiscard]] kernels::Matrix matrix(const TensorOrigin& origin) const;
};
/// Of a weight that hasTiles(); with `keepStream` the tiles stay on the device, else only where each lies.
[[nodiscard]] Result<TiledParts> loadTiledParts(const TensorOrigin& origin, FormPlace& place, bool keepStream,
                                                const std::stop_token& stop);

class TiledWeight final : public HeldWeight {
 public:
  TiledWeight(const TensorOrigin& origin, TiledParts parts) : m_origin(origin), m_parts(std::move(parts)) {}
  kernels::Matrix matrix() const override { return m_parts.matrix(m_origin); }
  std::optional<kernels::Matrix> base() const override { return baseMatrix(m_origin, m_parts.base.get()); }

 private:
  const TensorOrigin& m_origin;
  TiledParts m_parts;
};

}  // namespace deltascope
