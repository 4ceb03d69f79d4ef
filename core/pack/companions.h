// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The files of the final beside its weights, as a packed model or payload takes them along.
#include "core/pack/sources.h"
#include "core/source/sidecars.h"

namespace deltascope {

struct PackCompanions {
  std::vector<Sidecar> files;    ///< by their names in the final's folder
  std::vector<LeftOut> leftOut;  ///< what is there and does not travel
};
/// Of a final that is a folder: every file that holds no weights; of a lone file: what is known to belong to a model. A final
/// made by adapters has the base's, with the tokenizer of the last adapter that has one.
[[nodiscard]] Result<PackCompanions> companionsOf(const PackSources& sources);

}  // namespace deltascope
