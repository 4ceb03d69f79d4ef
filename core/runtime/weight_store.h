// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A model's weights in their places: resident, or ready to be made. Internal to core/runtime.
#include <memory>

#include "core/base/job.h"
#include "core/model/weights.h"
#include "core/runtime/host.h"
#include "core/runtime/plan.h"

namespace deltascope {

/// Filled once, then immutable; hands weights to one forward pass at a time. How each is held is its form's affair
/// (core/runtime/forms).
class WeightStore final : public Weights {
 public:
  /// Follows `plan`, whose tensors are the variant's. A weight that is made static has its final hash checked; one over a base
  /// has the base's. Progress in bytes of final weights. What is read besides is freed again before this returns.
  [[nodiscard]] static Result<std::unique_ptr<WeightStore>> load(std::shared_ptr<Host> host, std::shared_ptr<Variant> variant,
                                                                 const MemoryPlan& plan, const JobContext& job);
  ~WeightStore() override;

  [[nodiscard]] Result<const LayerWeights*> layer(std::uint32_t index) override;
  [[nodiscard]] Result<const ExpertWeights*> expert(std::uint32_t layer, std::uint32_t index) override;
  void choose(std::uint32_t layer, std::span<const std::uint32_t> experts) override;
  [[nodiscard]] Result<kernels::Matrix> embedding() override;
  [[nodiscard]] Result<VectorRef> finalNorm() override;
  [[nodiscard]] Result<kernels::Matrix> outside(WeightRole role) override;
  [[nodiscard]] Result<kernels::Matrix> head() override;
  [[nodiscard]] bool repeatable() const override;
  /// The base alone, as far as it is in memory beside the exact weights, which take the other places; borrowed. Null where one
  /// would have to be streamed.
  [[nodiscard]] Weights* base();
  /// Whether base() is anything else than the exact weights.
  [[nodiscard]] bool hasBase() const;
  /// Whether a weight reads the base's files later on, and needs their scales.
  [[nodiscard]] bool readsFiles() const;
  /// What came with the feed of a GPU since loading; zeros without one.
  [[nodiscard]] kernels::FeedUse feedUse() const;
  /// The weight of tensor `index` of the variant alone, for measurements: a matrix ready for one product of all its rows; a
  /// vector as its only row.
  [[nodiscard]] kernels::Matrix matrix(std::size_t index);

 private:
  struct State;
  explicit WeightStore(std::unique_ptr<State> state);
  std::unique_ptr<State> m_state;
};

}  // namespace deltascope
