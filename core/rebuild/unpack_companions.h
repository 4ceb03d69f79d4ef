// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What lies beside the final's weights: as the payload carries it, as a packed model's folder has it, or the base's.
#include "core/rebuild/reconstruct.h"
#include "core/source/sidecars.h"

namespace deltascope {

struct UnpackCompanions {
  std::vector<Sidecar> files;
  std::vector<std::string> ofBase;  ///< names of those that are the base's
  std::vector<LeftOut> leftOut;     ///< of a packed model's folder
};
/// A payload without a config.json is not a whole model's: what it lacks is the base's, without its quantization. Of a packed
/// model, the final's own configuration where the folder kept it. `source` must outlive the result.
[[nodiscard]] Result<UnpackCompanions> companionsOf(const ReconstructionSource& source);

}  // namespace deltascope
