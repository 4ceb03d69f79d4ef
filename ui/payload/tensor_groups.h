// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once
/// Tensors by layer: what the tree's branches are.
#include <QString>
#include <vector>

#include "core/payload/payload.h"

namespace deltascope::ui {

struct TensorGroup {
  QString label;             ///< "Embedding", "Layer 3", "Norm", "Head", "Other"
  std::vector<int> tensors;  ///< indices, ascending
  TensorStats sum;           ///< counts and bytes of all of them; the type and codec are the first one's
  QString dtypes, codecs;    ///< the common one, or "mixed"
  QString codecCounts;       ///< "entropy 7, raw 2"
};
/// In the order of the forward pass: embedding, layers, norm, head, the rest. Every tensor is in exactly one group.
[[nodiscard]] std::vector<TensorGroup> groupByLayer(const std::vector<TensorStats>& tensors);

/// The name without what its group says already, and without the ".weight" that nearly all share: "self_attn.q_proj",
/// "experts.3.up_proj".
[[nodiscard]] QString shortName(const std::string& name);

}  // namespace deltascope::ui
