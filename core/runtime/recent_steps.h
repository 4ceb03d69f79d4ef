// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Rows of a matrix that were looked up lately. Internal to core/runtime.
#include <mutex>
#include <vector>

#include "kernels/backend.h"

namespace deltascope {

/// The same elements as another source of the host, made a few tiles at a time, for look-ups of single rows: a row may lie in a
/// piece of megabytes. The last kRemembered steps are kept, since what drafts look
/// up is looked up again by the pass that judges them: at most that many times step() elements of host memory. Threads: as
/// ElementSource.
class RecentSteps final : public kernels::ElementSource {
 public:
  static constexpr std::size_t kRemembered = 64;

  /// Of a source that makes single tiles (DeltaSource::byTiles). `columns`: elements of a row. `elementBytes`: of an element.
  RecentSteps(std::unique_ptr<const kernels::ElementSource> source, std::uint64_t columns, std::size_t elementBytes);
  [[nodiscard]] std::size_t pieces() const override { return m_source->pieces(); }
  [[nodiscard]] std::uint64_t pieceBegin(std::size_t piece) const override { return m_source->pieceBegin(piece); }
  [[nodiscard]] std::uint64_t step() const override { return m_step; }
  [[nodiscard]] kernels::Outcome<void> make(std::size_t piece, std::uint64_t first, std::uint64_t count,
                                            std::byte* into) const override;

 private:
  struct Step {
    std::uint64_t first = 0;
    std::vector<std::byte> bytes;
  };
  std::unique_ptr<const kernels::ElementSource> m_source;
  std::uint64_t m_step;
  std::size_t m_elementBytes;
  mutable std::mutex m_mutex;
  mutable std::vector<Step> m_steps;  ///< kRemembered at most
  mutable std::size_t m_oldest = 0;   ///< of them, once there are so many
};

}  // namespace deltascope
