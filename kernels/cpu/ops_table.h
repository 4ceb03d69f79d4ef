// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "kernels/cpu/attention_inner.h"
#include "kernels/cpu/columns_inner.h"
#include "kernels/cpu/delta_rule_inner.h"
#include "kernels/cpu/product_inner.h"

namespace deltascope::kernels {

/// The inner loops for one kind of lanes.
template <class L, Isa kIsa>
struct OpsTable {
  static void productRows(const ProductRows& rows, ProductScratch& scratch) { Product<L>(rows, scratch, kIsa).run(); }
  static void productColumns(const ProductColumns& columns, ProductScratch& scratch) {
    ColumnProduct<L>(columns, scratch, kIsa).run();
  }
  static void rmsNorm(const RmsNormArgs& args, std::uint32_t row) { rmsNormRow<L>(args, row, kIsa); }
  static void convolve(const ConvolveArgs& args, std::size_t channel, std::size_t count) {
    convolveChannels<L>(args, channel, count, kIsa);
  }
  static constexpr CpuOps kOps{kIsa,
                               productRows,
                               productColumns,
                               rmsNorm,
                               ropeToken<L>,
                               attentionHeads<L>,
                               siluMultiply<L>,
                               sigmoidMultiply<L>,
                               geluMultiply<L>,
                               clampedGateMultiply<L>,
                               softCap<L>,
                               expAll<L>,
                               convolve,
                               normalizeHeads<L>,
                               deltaRuleColumns<L>};
};

}  // namespace deltascope::kernels
