// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The bitwise comparison of what is rebuilt with a final checkpoint.
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/checkpoint/checkpoint.h"
#include "core/payload/payload.h"

namespace deltascope {

/// What the comparison of one tensor found so far.
struct Difference {
  std::uint64_t count = 0;             ///< elements
  std::optional<std::uint64_t> first;  ///< element
};

class FinalComparison {
 public:
  /// `tensors`: what is rebuilt; the final's tensors of the same names, types and shapes are compared.
  FinalComparison(Checkpoint final, const std::vector<TensorStats>& tensors);
  /// Elements from `first` of tensor `index`. Nothing for a tensor that cannot be compared. Threads: may be called
  /// concurrently.
  [[nodiscard]] Result<void> compare(std::size_t index, std::uint64_t first, std::span<const std::byte> rebuilt);
  /// After the job.
  [[nodiscard]] const Difference& difference(std::size_t index) const { return m_differences[index]; }
  [[nodiscard]] const Checkpoint& final() const { return m_final; }
  /// Why the tensor cannot be compared; empty when it can.
  [[nodiscard]] std::string obstacle(std::size_t index, const TensorStats& tensor) const;

 private:
  [[nodiscard]] Result<void> read(std::size_t index, std::uint64_t begin, std::span<std::byte> into) const;
  void count(std::size_t index, std::uint64_t first, std::uint64_t total, std::span<const std::byte> mine,
             std::span<const std::byte> theirs);

  Checkpoint m_final;
  std::vector<const TensorInfo*> m_infos;  ///< by tensor; null where it cannot be compared
  std::vector<bool> m_transposed;          ///< by tensor
  std::mutex m_mutex;                      ///< guards m_differences while the job runs
  std::vector<Difference> m_differences;
};

}  // namespace deltascope
