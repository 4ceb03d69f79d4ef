// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Samples of tensors: evenly spread runs of tiles, both sides.
#include <vector>

#include "core/pack/sources.h"

namespace deltascope {

struct TensorSample {
  std::vector<PairSlice> runs;
  std::vector<std::vector<float>> scales;  ///< of each run, where they were needed
  bool whole = false;                      ///< the runs are the tensor
  bool equal = false;                      ///< the final equals the base in all of it
  bool unsure = false;                     ///< it does not, but may with the scales of the whole
  ModelPtr lowRank;                        ///< the adapters' factors, where the codec can store them
  std::uint64_t lowRankBytes = 0;          ///< serialized; 0 where there is none
  double lowRankBits = 0;                  ///< estimated bits/weight of its corrections

  [[nodiscard]] std::vector<DeltaSample> deltaSamples() const;
};

/// About `tiles` tiles of the tensor; all of it when it has no more. The scales of a double quantization are those of the
/// sample.
[[nodiscard]] Result<TensorSample> sampleTensor(const PackSources& sources, const PackTensor& tensor, unsigned tiles);

/// Tiles a tensor so that the samples of `tensors` tensors take about 128 MB at most; between 1 and `most`.
[[nodiscard]] unsigned tilesWithinBudget(std::size_t tensors, unsigned most);

}  // namespace deltascope
